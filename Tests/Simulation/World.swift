internal import Bytes
internal import Conntrack
internal import Engine
internal import Failover
public import StateMachine

/// Some routers, the links between them, the traffic through them and the failover manager, under one virtual clock.
///
/// Everything comes from the seed. What goes wrong is put into `problems`; the transcript tells what led to it.
/// The files beside this one:
///
/// | file | what it holds |
/// |---|---|
/// | `+Setup` | what a run is made of |
/// | `+Agents`, `+Addresses`, `+Weather`, `+Keys` | what a test, or chance, does to the world |
/// | `+Chance`, `+Misfortunes` | runs that chance writes |
/// | `+Checks`, `+Takeovers` | what must hold in the end, and at a takeover |
/// | `+Watch`, `+Writes` | what must hold all the time |
/// | `+OwnFlows` | what is the routers' own |
/// | `+Account` | the transcript |
public final class World {
    /// What is to happen at an instant.
    enum Appointment {
        case notify(Int, RoleNotification.State)
        case presence(Int)
        case networkWent(Int)
        case start(Int)
        case powerOn(Int)
        case takeAddresses(Int)
        case mend
        case endSplit
        case order(Int, KeyRing.Order)
        case forge
        case lengthenQueue(Int)
        case lookAgain(LaterLook)
    }

    /// A turn that asks for the next one at once costs so much time.
    static let turnCost = Instant.Span.microseconds(200)
    /// Turns that ask for another one at once, in a row, at most.
    static let busyLimit = 10_000
    /// How long the hold keeps packets out of a node that is not master.
    static let holdLimit = Instant.Span.seconds(2)

    public let setup: Setup
    public let clock = VirtualClock()
    public let network: SimulatedNetwork
    public let traffic: Traffic
    public let nodes: [SimulatedNode]
    var generator: SeededGenerator
    var agenda = Agenda<Appointment>()
    /// Who holds the virtual addresses; nil while nobody does.
    public internal(set) var owner: Int?
    /// Another node that holds them too, while the manager is split.
    public internal(set) var rival: Int?
    /// What went wrong.
    public internal(set) var problems: [String] = []
    /// What chance did, by kind.
    public internal(set) var misfortunes = CounterTable<Misfortune>()
    /// What the checks looked away from.
    public internal(set) var knownTroubles = CounterTable<KnownTrouble>()
    /// How long the nodes took at most until they held the same.
    public internal(set) var longestSettling = Instant.Span(nanoseconds: 0)

    var transcript: [String] = []
    /// Lines of the transcript that are kept at most.
    var transcriptLimit = 40_000
    var transcriptHash = SipHash(SipHash.Key(0, 0))
    /// Connections that will break for a known reason.
    var forgiven: Set<Int> = []
    var pendingReplace: SimulatedKernel.Entry?
    var watched: Watched
    var rolesChangedAt: Instant = .origin
    /// All that was sealed; nil without keys.
    private(set) var record: SealRecord?
    /// The key that was made last, how far sealing has come, and until when orders about that are under way.
    var lastKey: UInt8 = 1
    var stage: Int
    var ordersEnd: Instant = .origin

    /// Makes a world in which nothing runs yet.
    public init(_ setup: Setup) {
        self.setup = setup
        generator = SeededGenerator(seed: setup.seed)
        network = SimulatedNetwork(clock: clock, seed: generator.next(), nodes: setup.nodes, links: setup.links)
        network.payload = setup.payload
        for (link, isShared) in setup.isShared.enumerated() { network.isShared[link] = isShared }
        traffic = Traffic(clock: clock, seed: generator.next())
        traffic.load = setup.load
        // Shorter than the kernel's own, so that a run sees flows expire.
        var timeouts = ProtocolTimeouts()
        timeouts.udp = 6
        timeouts.udpStream = 20
        timeouts.icmp = 4
        timeouts.tcp[Int(TCPState.timeWait.rawValue)] = 4
        timeouts.tcp[Int(TCPState.close.rawValue)] = 2
        timeouts.tcp[Int(TCPState.synSent.rawValue)] = 10
        timeouts.tcp[Int(TCPState.synReceived.rawValue)] = 10
        timeouts.tcp[Int(TCPState.established.rawValue)] = 600
        let clock = clock
        let seeds = Self.draw(setup.nodes, &generator)
        nodes = seeds.indices.map { index in
            SimulatedNode(
                index: index,
                kernel: SimulatedKernel(
                    clock: clock, seed: seeds[index], limit: setup.tableLimit, timeouts: timeouts),
                ring: setup.keyRing)
        }
        watched = Watched(nodes: setup.nodes)
        stage = setup.sealing == .required ? 2 : 0
        for node in nodes {
            node.kernel.witness = self
            addOwnFlows(node)
        }
        network.tap = { [weak self] node, bytes in self?.inspect(bytes, from: node) }
        if setup.sealing != .none {
            record = SealRecord(clock: clock) { [weak self] problem in self?.problem(problem) }
        }
    }

    private static func draw(_ count: Int, _ generator: inout SeededGenerator) -> [UInt64] {
        (0..<count).map { _ in generator.next() }
    }

    // MARK: Time

    /// The time that has passed since the start of the run.
    public var age: Instant.Span { clock.now.since(VirtualClock.beginning) }

    /// Lets time pass.
    public func run(for span: Instant.Span) { run(until: clock.now + span) }

    /// Lets time pass until an instant, from deadline to deadline.
    public func run(until end: Instant) {
        while true {
            var next = min(agenda.next, network.next, traffic.next, watched.next)
            for node in nodes { next = min(next, node.kernel.nextExpiry, wakeTime(of: node)) }
            guard next <= end else { return clock.now = max(clock.now, end) }
            clock.now = max(clock.now, next)
            step()
        }
    }

    /// Lets time pass until something holds; false if it does not within the span.
    public func run(atMost span: Instant.Span, until holds: () -> Bool) -> Bool {
        let end = clock.now + span
        while !holds() {
            guard clock.now < end else { return false }
            run(for: .milliseconds(50))
        }
        return true
    }

    private func wakeTime(of node: SimulatedNode) -> Instant {
        node.engine == nil ? .never : max(node.wakeAt, node.pausedUntil)
    }

    private func step() {
        while let appointment = agenda.take(upTo: clock.now) { keep(appointment) }
        for node in nodes { node.kernel.expire() }
        for index in network.deliver() { wake(nodes[index]) }
        if traffic.next <= clock.now { traffic.send(through: forwarders) }
        for node in nodes {
            if !node.kernel.queue.isEmpty || node.kernel.overran || node.kernel.dumpWaits { wake(node) }
            if wakeTime(of: node) <= clock.now { turn(node) }
        }
        if watched.next <= clock.now { lookAtAll() }
    }

    private func wake(_ node: SimulatedNode) {
        node.wakeAt = min(node.wakeAt, clock.now + generator.microseconds(20...300))
    }

    /// Who forwards: the owner of the addresses, and its rival if there is one.
    private var forwarders: [Forwarder] {
        guard let owner else { return [.nobody] }
        return ([owner] + (rival.map { [$0] } ?? [])).map { forwarder(nodes[$0]) }
    }

    private func forwarder(_ node: SimulatedNode) -> Forwarder {
        guard node.isUp else { return .nobody }
        // Without an agent the hold's elements time out, and its table goes with its owner.
        let mayBeHeld = node.engine != nil && clock.now < node.addressesSince + Self.holdLimit
        let isHeld = mayBeHeld && (node.role != "master" || node.isRecalling)
        return isHeld ? .held : .kernel(node.kernel)
    }

    private func turn(_ node: SimulatedNode) {
        let before = node.roleAtTurn
        node.flowsWritten = 0
        node.bereft.removeAll()
        guard let due = node.engine?.turn(at: clock.now) else { return }
        if node.process.hasEnded { return dieInTurn(node) }
        node.turns += 1
        if let report = node.report(at: clock.now) {
            node.isRecalling = report.isRecalling
            node.roleAtTurn = report.role
            judgeTurn(of: node, before: before, after: report.role)
        }
        node.busyTurns = due <= clock.now ? node.busyTurns + 1 : 0
        if node.busyTurns == Self.busyLimit { problem("\(node.name) turns \(Self.busyLimit) times without a rest") }
        node.wakeAt = due <= clock.now ? clock.now + Self.turnCost : due
        if !node.kernel.queue.isEmpty || !network.inboxes[node.index].isEmpty {
            node.wakeAt = min(node.wakeAt, clock.now + Self.turnCost)
        }
        for notice in node.engine?.takeNotices() ?? [] { hear(notice, from: node) }
    }
}
