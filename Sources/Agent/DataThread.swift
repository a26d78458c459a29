internal import Bytes
internal import Conntrack
internal import Engine
internal import LinuxIO
internal import Netfilter
internal import StateMachine
internal import SyncTransport
internal import Systemd

/// The data thread: it owns the netlink sockets, the link, the caches and the machines, and turns the engine.
///
/// It waits in one epoll for events, datagrams, orders and the engine's own deadline. It also feeds the service
/// manager's watchdog, so that a wedged engine is noticed as such.
struct DataThread: ~Copyable {
    /// What the thread needs to begin; all of it may cross to it.
    struct Plan: Sendable {
        var settings: EngineSettings
        var link: LinkSettings
        var sealing: SealingPlan
        var eventQueueBytes: Int
        var watchdogInterval: Instant.Span?
    }

    /// Under load events are let gather for so long: a batch costs half of what single events cost.
    static let coalescing = Instant.Span.milliseconds(1)
    /// So many events in one turn are load.
    static let loadThreshold = 16

    /// How long an agent that ends goes on to send, until its peer has acknowledged everything.
    static let farewellLimit = Instant.Span.seconds(2)

    private enum Tag: UInt64 {
        case orders = 1
        case events
        case link
    }

    private let mailbox: Mailbox
    private let epoll: Epoll
    /// Waits for nothing but time.
    private let quiet: Epoll
    private var engine: Engine<KernelAdapter, LinkAdapter>
    private let watchdogInterval: Instant.Span?
    private var watchdogDue: Instant
    private var waitsFor: Int32?
    private var toldObstacle: String?
    private let interface: String

    /// Runs the thread until it is told to end.
    static func run(_ plan: Plan, _ mailbox: Mailbox) {
        do {
            var thread = try open(plan, mailbox)
            thread.loop()
        } catch {
            mailbox.tell { $0.failure = error }
        }
        mailbox.tell { $0.hasEnded = true }
    }

    private static func open(_ plan: Plan, _ mailbox: Mailbox) throws(StartFailure) -> DataThread {
        let now = MonotonicClock.now()
        let kernel = try openKernel(plan)
        let link = try openLink(plan, at: now)
        let epoll = try openEpoll()
        do {
            try epoll.add(mailbox.ordersWaiting.rawValue, tag: Tag.orders.rawValue)
            try epoll.add(kernel.events.rawValue, tag: Tag.events.rawValue)
        } catch {
            throw .system("\(error)")
        }
        return DataThread(
            plan, mailbox, epoll: epoll, quiet: try openEpoll(),
            engine: Engine(kernel: kernel, link: link, settings: plan.settings, at: now), at: now)
    }

    private init(
        _ plan: Plan, _ mailbox: Mailbox, epoll: consuming Epoll, quiet: consuming Epoll,
        engine: consuming Engine<KernelAdapter, LinkAdapter>, at now: Instant
    ) {
        self.mailbox = mailbox
        self.epoll = epoll
        self.quiet = quiet
        self.engine = engine
        interface = plan.link.interface
        watchdogInterval = plan.watchdogInterval
        watchdogDue = plan.watchdogInterval == nil ? .never : now
    }

    private static func openKernel(_ plan: Plan) throws(StartFailure) -> KernelAdapter {
        do { return try KernelAdapter.open(eventQueueBytes: plan.eventQueueBytes) } catch { throw StartFailure(error) }
    }

    private static func openLink(_ plan: Plan, at now: Instant) throws(StartFailure) -> LinkAdapter {
        let sealing = LinkSealing(
            plan.sealing, sender: plan.settings.sender, incarnation: plan.settings.incarnation,
            capacity: Engine<KernelAdapter, LinkAdapter>.datagramCapacity)
        do { return try LinkAdapter(plan.link, sealing: sealing, at: now) } catch {
            throw .link(error.text(interface: plan.link.interface))
        }
    }

    private static func openEpoll() throws(StartFailure) -> Epoll {
        do { return try Epoll() } catch { throw .system("\(error)") }
    }

    private mutating func loop() {
        var endsBy = Instant.never
        while true {
            let now = MonotonicClock.now()
            let orders = mailbox.takeOrders()
            for command in orders.commands { engine.take(command, at: now) }
            for (id, order) in orders.sealing {
                let reply = engine.link.take(order, at: now)
                mailbox.tell { $0.sealing.append((id, reply)) }
            }
            engine.link.inspect(at: now)
            followLink()
            var next = engine.turn(at: now)
            tell(orders, at: now)
            if orders.ends { endsBy = min(endsBy, now + Self.farewellLimit) }
            if endsBy != .never, endsBy <= now || engine.isDrained { return engine.end(at: now) }
            if watchdogDue <= now, let watchdogInterval {
                Supervisor.pingWatchdog()
                watchdogDue = now + Instant.Span(nanoseconds: watchdogInterval.nanoseconds / 2)
            }
            next = min(next, engine.link.due, watchdogDue, endsBy)
            if next > now {
                _ = epoll.wait(until: next)
                if engine.eventsOfLastTurn >= Self.loadThreshold { gather() }
            }
        }
    }

    /// Lets events gather for a moment; an order or a datagram does not end it, since it is so short.
    private func gather() {
        _ = quiet.wait(until: MonotonicClock.now() + Self.coalescing)
    }

    /// Waits for the link's descriptor when it came, and says when the link came or went.
    private mutating func followLink() {
        if waitsFor != engine.link.rawValue {
            if let number = engine.link.rawValue {
                do { try epoll.add(number, tag: Tag.link.rawValue) } catch { return }
            }
            waitsFor = engine.link.rawValue
        }
        let obstacle = engine.link.obstacle?.text(interface: interface)
        guard obstacle != toldObstacle else { return }
        toldObstacle = obstacle
        mailbox.tell { $0.linkObstacle = obstacle.map { .isAway($0) } ?? .isThere }
    }

    private mutating func tell(_ orders: Mailbox.Orders, at now: Instant) {
        let notices = engine.takeNotices()
        let report = orders.wantsReport ? makeReport(at: now) : nil
        let part = orders.listing.map { makePart($0) }
        guard !notices.isEmpty || report != nil || part != nil else { return }
        mailbox.tell { news in
            news.notices += notices
            if let report { news.report = report }
            if let part { news.listing = part }
        }
    }

    private func makePart(_ request: Mailbox.ListingRequest) -> Mailbox.ListingPart {
        if request.expected {
            var expectations: [Expectation] = []
            let next = engine.list(
                external: request.external, from: request.slot, limit: Mailbox.listingLimit, into: &expectations)
            return Mailbox.ListingPart(session: request.session, lines: .expectations(expectations), next: next)
        }
        var flows: [ListedFlow] = []
        flows.reserveCapacity(Mailbox.listingLimit)
        let next = engine.list(
            external: request.external, from: request.slot, limit: Mailbox.listingLimit, into: &flows)
        return Mailbox.ListingPart(session: request.session, lines: .flows(flows), next: next)
    }

    private mutating func makeReport(at now: Instant) -> AgentReport {
        let report = engine.report(at: now)
        var counters = engine.link.counters().map { (name: "link_" + $0.name, value: $0.value) }
        counters += engine.kernel.events.refusals.listing.map { (name: "netlink_event_" + $0.name, value: $0.value) }
        counters.append((name: "netlink_failures", value: engine.kernel.failures))
        counters.append((name: "netlink_lost_answers", value: engine.kernel.writer.lostAnswers))
        return AgentReport(
            at: now, engine: report, peerAddress: report.peers.first.flatMap { engine.link.text(of: $0.source) },
            traffic: engine.link.traffic(), linkIsThere: engine.link.rawValue != nil,
            sealing: engine.link.stage, linkObstacle: engine.link.obstacle?.text(interface: interface),
            hasCarrier: engine.link.hasCarrier(),
            edgeCounters: counters)
    }
}
