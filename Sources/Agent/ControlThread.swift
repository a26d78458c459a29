internal import Bytes
internal import Conntrack
internal import ControlProtocol
internal import Engine
internal import Failover
internal import LinuxIO
internal import Netfilter
internal import StateMachine
internal import Systemd

/// The control thread: everything slow or chatty.
///
/// It serves the control sockets and signals, follows the addresses, writes the journal and tells the service manager;
/// the data thread hears of it by orders alone.
final class ControlThread {
    /// Sessions at the same time at most; then the idlest one goes, or the next one waits to be accepted.
    static let sessionLimit = 48
    /// A session that has asked for nothing for so long may go in favour of another.
    static let idleness = Instant.Span.seconds(1)
    /// Where nobody can be accepted, for want of descriptors or of room, it is tried again after so long.
    static let acceptPause = Instant.Span.milliseconds(200)
    /// Users who may not notify are named in the journal this often at most.
    static let strangerInterval = Instant.Span.seconds(1)
    /// A command that takes longer is told how far it is, this often.
    static let progressInterval = Instant.Span.seconds(1)
    /// The service manager's status line is renewed this often.
    static let statusLineInterval = Instant.Span.seconds(5)

    enum Tag: UInt64 {
        case signals = 1
        case control
        case notify
        case news
        case addresses
        /// Sessions count on from here.
        case firstSession = 16
    }

    /// Users who may notify although the control socket is closed to them.
    let notifiers: Set<UInt32>
    let group: String
    let journal: Journal
    let state: StateDirectory
    let readiness: ReadinessFile?
    let mailbox: Mailbox
    let epoll: Epoll
    private let signals: SignalDescriptor
    private let control: UnixListener
    private let notify: UnixListener
    var addresses: AddressFollower
    var hold: HoldKeeper
    var status: StatusComposer
    let statistics: StatisticsComposer
    /// The interfaces of the links, by their numbers.
    let interfaces: [String]

    var sessions: [UInt64: ControlSession] = [:]
    var nextSession = Tag.firstSession.rawValue
    var nextCommand: UInt64 = 1
    var lastReport: AgentReport?
    var isReady = false
    /// Listings that wait for their next part, oldest first.
    var listings: [Mailbox.ListingRequest] = []
    /// What this node last told its peers of its kernel.
    var facts: NodeFacts?
    var factsGathered: Instant = .origin
    var factsReader = FactsReader()
    /// What was lost on the way here lately, by peer.
    var losses: [String: RecentLoss] = [:]
    private var statusLineDue: Instant = .origin
    private var strangerDue: Instant = .origin
    /// When accepting goes on; nil while it does.
    private var acceptDue: Instant?
    private var hasEnded = false
    private(set) var failure: StartFailure?

    init(
        mailbox: Mailbox, signals: consuming SignalDescriptor, control: consuming UnixListener,
        notify: consuming UnixListener, addresses: consuming AddressFollower, hold: consuming HoldKeeper,
        notifiers: Set<UInt32>, group: String,
        journal: Journal, state: StateDirectory, readiness: ReadinessFile?, status: StatusComposer,
        statistics: StatisticsComposer,
        interfaces: [String]
    ) throws(StartFailure) {
        self.mailbox = mailbox
        self.signals = signals
        self.control = control
        self.notify = notify
        self.addresses = addresses
        self.hold = hold
        self.notifiers = notifiers
        self.group = group
        self.journal = journal
        self.state = state
        self.readiness = readiness
        self.status = status
        self.statistics = statistics
        self.interfaces = interfaces
        do {
            epoll = try Epoll()
            try epoll.add(self.signals.rawValue, tag: Tag.signals.rawValue)
            try epoll.add(self.control.rawValue, tag: Tag.control.rawValue)
            try epoll.add(self.notify.rawValue, tag: Tag.notify.rawValue)
            try epoll.add(mailbox.newsWaiting.rawValue, tag: Tag.news.rawValue)
            try epoll.add(self.addresses.rawValue, tag: Tag.addresses.rawValue)
        } catch {
            throw .system("\(error)")
        }
        // The first dump has been read already and wakes nobody: a master's agent that restarts must hear of the
        // virtual addresses before the engine's first turn, or it believes itself backup.
        followAddresses()
    }

    /// Serves until a signal ends the agent or the data thread gives up.
    func run() {
        while !hasEnded {
            let ready = epoll.wait(until: nextDeadline())
            for index in 0..<ready.count { serve(ready[index].tag, ready[index].conditions) }
            let now = MonotonicClock.now()
            pumpTables()
            reportProgress(at: now)
            gatherFacts(noOlderThan: Self.factsInterval, at: now)
            // A busy machine may have kept word of an address waiting: it counts before what is due.
            if hold.nextDeadline <= now { followAddresses() }
            hold.advance(to: now)
            renewStatusLine(at: now)
            removeClosed(at: now)
            if let due = acceptDue, due <= now { pauseAccepting(until: nil) }
        }
        for session in sessions.values {
            if session.pending != .nothing { session.send(.refused("the agent ends")) }
        }
    }

    private func nextDeadline() -> Instant {
        let now = MonotonicClock.now()
        if sessions.values.contains(where: { $0.pending == .table && $0.hasRoom }) { return now }
        return min(
            statusLineDue, factsGathered + Self.factsInterval, acceptDue ?? .never, hold.nextDeadline,
            sessions.isEmpty ? .never : now + Self.progressInterval)
    }

    private func serve(_ tag: UInt64, _ conditions: Epoll.Conditions) {
        switch Tag(rawValue: tag) {
        case .signals: takeSignals()
        case .control: accept(isNotifyOnly: false)
        case .notify: accept(isNotifyOnly: true)
        case .news: takeNews()
        case .addresses: followAddresses()
        case .firstSession, nil: serveSession(tag, conditions)
        }
    }

    private func takeSignals() {
        while let signal = signals.next() {
            switch signal {
            case .terminate, .interrupt:
                hold.end(at: MonotonicClock.now())
                journal.write(.notice, "ending: signal \(signal)")
                Supervisor.notifyStopping()
                mailbox.ask { $0.ends = true }
            case .hangUp:
                journal.write(
                    .warning, "reload is not available in this version: restart the agent to read its file anew")
            }
        }
    }

    private func followAddresses() {
        let commands = addresses.follow()
        guard !commands.isEmpty else { return }
        mailbox.ask { $0.commands += commands }
        hold.see(addresses: addresses.mayHoldAddresses, on: addresses.carriers, at: MonotonicClock.now())
    }

    // MARK: Sessions

    private func accept(isNotifyOnly: Bool) {
        while true {
            let now = MonotonicClock.now()
            guard sessions.count < Self.sessionLimit || makeRoom(at: now) else {
                return pauseAccepting(until: now + Self.acceptPause)
            }
            let next: UnixConnection?
            do { next = try isNotifyOnly ? notify.accept() : control.accept() } catch {
                // Most likely there are no descriptors left: an idle session has one.
                if makeRoom(at: now) { continue }
                return pauseAccepting(until: now + Self.acceptPause)
            }
            guard let connection = next else { return }
            guard let peer = try? connection.peer() else { continue }
            if isNotifyOnly, !notifiers.contains(peer.userID) {
                turnAway(connection, peer, at: now)
                continue
            }
            let number = nextSession
            nextSession += 1
            guard (try? epoll.add(connection.rawValue, tag: number)) != nil else { continue }
            sessions[number] = ControlSession(
                number: number, connection: connection, peer: peer, isNotifyOnly: isNotifyOnly)
        }
    }

    /// Tells a user who may not notify so, at once: he takes nobody's place.
    private func turnAway(_ connection: borrowing UnixConnection, _ peer: UnixConnection.Peer, at now: Instant) {
        let reason = "user \(peer.userID) may not notify: be root, or the user whom keepalived's script_user names"
        if let frame = try? ControlReply.refused(reason).frame() {
            _ = try? frame.withBytes { bytes throws(SystemCallError) in try connection.write(bytes) }
        }
        guard strangerDue <= now else { return }
        strangerDue = now + Self.strangerInterval
        journal.write(.warning, "a notification was refused: \(reason)")
    }

    /// Closes the session that has been idle for longest, if one has been for long enough.
    private func makeRoom(at now: Instant) -> Bool {
        let idle = sessions.values.filter { $0.isAwaited && now.since($0.lastMoved) >= Self.idleness }
        guard let idlest = idle.min(by: { $0.lastMoved < $1.lastMoved }) else { return false }
        sessions[idlest.number] = nil
        return true
    }

    private func pauseAccepting(until due: Instant?) {
        acceptDue = due
        let conditions: Epoll.Conditions = due == nil ? .readable : []
        try? epoll.modify(control.rawValue, tag: Tag.control.rawValue, for: conditions)
        try? epoll.modify(notify.rawValue, tag: Tag.notify.rawValue, for: conditions)
    }

    private func serveSession(_ number: UInt64, _ conditions: Epoll.Conditions) {
        guard let session = sessions[number] else { return }
        // Whoever asked has gone; what was ordered is done all the same.
        if conditions.contains(.hungUp), session.pending != .nothing { return session.close() }
        if session.wantsToWrite { session.flush() }
        resume(session)
    }

    /// Goes on with a session: with the rest of a listing, with its next requests, or by waiting for it.
    func resume(_ session: ControlSession) {
        if session.hasRoom, let rest = session.suspendedListing {
            session.suspendedListing = nil
            askListing(rest)
        }
        while let request = session.nextRequest() { take(request, of: session) }
        guard !session.isClosed else { return }
        try? epoll.modify(session.connection.rawValue, tag: session.number, for: session.conditions)
    }

    private func removeClosed(at now: Instant) {
        for (number, session) in sessions where session.isClosed || session.isStalled(at: now) {
            sessions[number] = nil
        }
    }

    private func reportProgress(at now: Instant) {
        for session in sessions.values {
            guard case .answer(_, let since) = session.pending, now.since(since) >= Self.progressInterval,
                now.since(session.toldProgress) >= Self.progressInterval
            else { continue }
            session.toldProgress = now
            let text =
                lastReport?.engine.commit.map { "\($0.written) flows committed, \($0.failed) refused" } ?? "at work"
            session.send(.progress(ProgressReport(text)))
            mailbox.ask { $0.wantsReport = true }
        }
    }

    // MARK: The data thread's news

    private func takeNews() {
        let news = mailbox.takeNews()
        // First of all: packets wait for it.
        for case .roleChanged(_, let role, _, _) in news.notices { hold.follow(role: role, at: MonotonicClock.now()) }
        if let failure = news.failure {
            self.failure = failure
            hasEnded = true
        }
        if let report = news.report { answerReports(report) }
        if let part = news.listing { answerListing(part) }
        for (id, reply) in news.sealing { answer(id, reply) }
        for link in news.links { tell(link) }
        for notice in news.notices { take(notice) }
        if news.hasEnded { hasEnded = true }
    }

    private func answerReports(_ report: AgentReport) {
        lastReport = report
        takeLoss(report)
        status.hold = hold.report()
        status.holdObstacle = hold.obstacle
        for session in sessions.values {
            switch session.pending {
            case .status: session.send(.status(status.status(report)))
            case .preflight: session.send(.preflight(preflight(report)))
            case .statistics:
                session.send(.statistics(statistics.statistics(report, counters: status.counters(report))))
            default: continue
            }
            resume(session)
        }
        let verdict = status.status(report)
        let peers = report.engine.peers.map(\.name).joined(separator: ", ")
        Supervisor.notifyStatus(
            "\(report.engine.role) | \(verdict.verdict.rawValue) | peer \(peers.isEmpty ? "none" : peers) | "
                + "\(report.engine.internalFlows) internal, \(report.engine.externalFlows) external flows")
    }

    private func renewStatusLine(at now: Instant) {
        guard statusLineDue <= now else { return }
        statusLineDue = now + Self.statusLineInterval
        mailbox.ask { $0.wantsReport = true }
    }
}
