internal import Bytes
internal import Conntrack
internal import Engine
internal import LinuxIO
internal import Netfilter
internal import StateMachine
internal import SyncTransport
internal import Systemd

/// The data thread: it owns the netlink sockets, the links, the caches and the machines, and turns the engine.
///
/// It waits in one epoll for events, datagrams, orders and the engine's own deadline. It also feeds the service
/// manager's watchdog, so that a wedged engine is noticed as such.
struct DataThread: ~Copyable {
    /// What the thread needs to begin; all of it may cross to it.
    struct Plan: Sendable {
        var settings: EngineSettings
        /// In the order of their numbers.
        var links: [LinkSettings]
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
        /// Links count on from here.
        case firstLink = 16
    }

    private let mailbox: Mailbox
    private let epoll: Epoll
    /// Waits for nothing but time.
    private let quiet: Epoll
    private var engine: Engine<KernelAdapter, SyncLinks>
    private let watchdogInterval: Instant.Span?
    private var watchdogDue: Instant
    /// For each link: the descriptor that is waited for, and the obstacle that was told.
    private var waitsFor: [Int32?]
    private var toldObstacles: [String?]

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
        let links = try openLinks(plan, at: now)
        let epoll = try openEpoll()
        do {
            try epoll.add(mailbox.ordersWaiting.rawValue, tag: Tag.orders.rawValue)
            try epoll.add(kernel.events.rawValue, tag: Tag.events.rawValue)
        } catch {
            throw .system("\(error)")
        }
        return DataThread(
            plan, mailbox, epoll: epoll, quiet: try openEpoll(),
            engine: Engine(kernel: kernel, link: links, settings: plan.settings, at: now), at: now)
    }

    private init(
        _ plan: Plan, _ mailbox: Mailbox, epoll: consuming Epoll, quiet: consuming Epoll,
        engine: consuming Engine<KernelAdapter, SyncLinks>, at now: Instant
    ) {
        self.mailbox = mailbox
        self.epoll = epoll
        self.quiet = quiet
        self.engine = engine
        waitsFor = Array(repeating: nil, count: plan.links.count)
        toldObstacles = Array(repeating: nil, count: plan.links.count)
        watchdogInterval = plan.watchdogInterval
        watchdogDue = plan.watchdogInterval == nil ? .never : now
    }

    private static func openKernel(_ plan: Plan) throws(StartFailure) -> KernelAdapter {
        do { return try KernelAdapter.open(eventQueueBytes: plan.eventQueueBytes) } catch { throw StartFailure(error) }
    }

    private static func openLinks(_ plan: Plan, at now: Instant) throws(StartFailure) -> SyncLinks {
        var links = SyncLinks()
        for settings in plan.links {
            let number = UInt8(links.linkCount)
            let sealing = LinkSealing(
                plan.sealing, sender: plan.settings.sender, incarnation: plan.settings.incarnation, link: number,
                capacity: Engine<KernelAdapter, SyncLinks>.datagramCapacity)
            do { links.append(try SyncLink(number, settings, sealing: sealing, at: now)) } catch {
                throw .link(error.text(interface: settings.interface))
            }
        }
        return links
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
            followLinks()
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

    /// Waits for a link's descriptor when it came, and says when a link came or went.
    private mutating func followLinks() {
        var changed: [Int] = []
        for number in waitsFor.indices {
            let descriptor = engine.link.rawValue(of: number)
            if waitsFor[number] != descriptor {
                // Tried again in the next turn, which the engine's heartbeat makes sure of.
                if let descriptor,
                    (try? epoll.add(descriptor, tag: Tag.firstLink.rawValue + UInt64(number))) == nil
                {
                    continue
                }
                waitsFor[number] = descriptor
            }
            let obstacle = engine.link.obstacle(of: number)
            guard obstacle != toldObstacles[number] else { continue }
            toldObstacles[number] = obstacle
            changed.append(number)
        }
        guard !changed.isEmpty else { return }
        let goesOn = toldObstacles.contains(nil)
        let told = changed.map { number in
            Mailbox.LinkNews(
                interface: engine.link.interface(of: number), obstacle: toldObstacles[number], othersGoOn: goesOn)
        }
        mailbox.tell { $0.links += told }
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
            at: now, engine: report, peerAddresses: report.peers.map { engine.link.text(of: $0.source) },
            links: engine.link.report(), sealing: engine.link.stage, edgeCounters: counters)
    }
}
