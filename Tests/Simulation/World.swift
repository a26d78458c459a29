internal import Bytes
public import Conntrack
internal import Engine
internal import Failover
public import StateMachine
internal import SyncProtocol

/// Two routers, the link between them, the traffic through them and the failover manager, under one virtual clock.
///
/// Everything comes from the seed. What goes wrong is put into `problems`; the transcript tells what led to it.
public final class World {
    /// What a run is made of.
    public struct Setup: Sendable {
        public var seed: UInt64
        /// How long stale entries stay after a demotion.
        public var purgeTimeout = Instant.Span.seconds(6)
        public var tableLimit = 100_000
        /// What no node imports.
        public var leftOut: FlowAttributes = []
        public var load = Traffic.Load()

        /// Makes the usual setup.
        public init(seed: UInt64) { self.seed = seed }
    }

    /// What is to happen at an instant.
    enum Appointment {
        case notify(Int, RoleNotification.State)
        case presence(Int)
        case networkWent(Int)
        case start(Int)
        case powerOn(Int)
        case takeAddresses(Int)
        case mend
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
    /// What went wrong.
    public internal(set) var problems: [String] = []
    var transcript: [String] = []
    var pendingReplace: SimulatedKernel.Entry?

    /// Makes a world in which nothing runs yet.
    public init(_ setup: Setup) {
        self.setup = setup
        generator = SeededGenerator(seed: setup.seed)
        network = SimulatedNetwork(clock: clock, seed: generator.next())
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
        let seeds = [generator.next(), generator.next()]
        nodes = (0..<2).map { index in
            SimulatedNode(
                index: index,
                kernel: SimulatedKernel(
                    clock: clock, seed: seeds[index], limit: setup.tableLimit, timeouts: timeouts))
        }
        for node in nodes {
            node.kernel.witness = self
            addOwnFlows(node)
        }
        network.tap = { [weak self] node, bytes in self?.inspect(bytes, from: node) }
    }

    // MARK: Time

    /// Lets time pass.
    public func run(for span: Instant.Span) { run(until: clock.now + span) }

    /// Lets time pass until an instant, from deadline to deadline.
    public func run(until end: Instant) {
        while true {
            var next = min(agenda.next, network.next, traffic.next)
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
        if traffic.next <= clock.now { traffic.send(through: forwarder) }
        for node in nodes {
            if !node.kernel.queue.isEmpty || node.kernel.overran || node.kernel.dumpWaits { wake(node) }
            if wakeTime(of: node) <= clock.now { turn(node) }
        }
    }

    private func wake(_ node: SimulatedNode) {
        node.wakeAt = min(node.wakeAt, clock.now + generator.microseconds(20...300))
    }

    private var forwarder: Forwarder {
        guard let owner, nodes[owner].isUp else { return .nobody }
        let node = nodes[owner]
        // Without an agent the hold's elements time out, and its table goes with its owner.
        let mayBeHeld = node.engine != nil && clock.now < node.addressesSince + Self.holdLimit
        let isHeld = mayBeHeld && (node.role != "master" || node.isRecalling)
        return isHeld ? .held : .kernel(node.kernel)
    }

    private func turn(_ node: SimulatedNode) {
        guard let due = node.engine?.turn(at: clock.now) else { return }
        node.turns += 1
        node.isRecalling = node.report(at: clock.now)?.isRecalling == true
        node.busyTurns = due <= clock.now ? node.busyTurns + 1 : 0
        if node.busyTurns == Self.busyLimit { problem("\(node.name) turns \(Self.busyLimit) times without a rest") }
        node.wakeAt = due <= clock.now ? clock.now + Self.turnCost : due
        if !node.kernel.queue.isEmpty || !network.inboxes[node.index].isEmpty {
            node.wakeAt = min(node.wakeAt, clock.now + Self.turnCost)
        }
        for notice in node.engine?.takeNotices() ?? [] { hear(notice, from: node) }
    }

    // MARK: Texts

    /// Notes in the transcript whatever happens to one flow.
    public func watch(_ original: Tuple) {
        for node in nodes {
            node.kernel.watched = original
            node.kernel.watch = { [weak self] in self?.note("\(node.name) \($0)") }
        }
    }

    /// Notes something in the transcript.
    public func note(_ text: String) {
        transcript.append("\(clock.text) \(text)")
        if transcript.count > 40_000 { transcript.removeFirst(20_000) }
    }

    /// Notes that something went wrong.
    public func problem(_ text: String) {
        note("PROBLEM \(text)")
        if problems.count < 20 { problems.append("\(clock.text) \(text)") }
    }

    /// What to print when a run failed: the seed, the problems, and the end of the transcript.
    public func account(lines: Int = 300) -> String {
        var text = "seed \(setup.seed)\n"
        for problem in problems { text += "  \(problem)\n" }
        text += "the last lines of the transcript:\n"
        for line in transcript.suffix(lines) { text += "  \(line)\n" }
        for node in nodes {
            if let peer = node.report(at: clock.now)?.peers.first { text += "  \(node.name): \(peer)\n" }
        }
        return text
    }

    private func hear(_ notice: EngineNotice, from node: SimulatedNode) {
        switch notice {
        case .heard: return
        case .roleChanged(_, let to, let source, let term):
            node.role = to
            note("\(node.name) is \(to) by \(source.rawValue), term \(term)")
        case .storeTerm(let term):
            node.storedTerm = max(node.storedTerm, term)
        case .takeover(let result):
            note(
                "\(node.name) took over\(result.inSync ? " in sync" : ""): \(result.tally.flows) flows, "
                    + "\(result.tally.failed) refused, in \(result.duration.milliseconds) ms")
            checkTakeover(of: node)
        case .refused(let flow, let reason):
            let other = node.kernel.entry(of: flow.original) ?? node.kernel.entry(of: flow.reply)
            note("\(node.name) is refused \(flow.text): \(reason), \(other?.flow.text ?? "nothing") is there")
        default:
            note("\(node.name): \(notice)")
        }
    }

    /// Looks for own flows in what a node sends.
    private func inspect(_ bytes: [UInt8], from node: Int) {
        let filter = nodes[node].filter
        bytes.withBytes { span in
            guard var reader = try? DatagramReader(span) else { return }
            while true {
                guard let next = try? reader.next(span) else { return }
                switch next {
                case .flow(let told) where filter.verdict(told.flow) == .own:
                    problem("\(nodes[node].name) announces its own flow \(told.flow.text)")
                case .destroy(let told) where filter.verdict(told.original, told.original) == .own:
                    problem("\(nodes[node].name) announces the end of its own flow \(told.original.text)")
                default: break
                }
            }
        }
    }

    // MARK: Own flows

    private func addOwnFlows(_ node: SimulatedNode) {
        func add(_ source: UInt32, _ destination: UInt32, _ keys: (UInt16, UInt16), _ number: ProtocolNumber) {
            let original = Tuple(
                source: Address(ipv4: source), destination: Address(ipv4: destination), sourceKey: keys.0,
                destinationKey: keys.1, family: .ipv4, protocol: number)
            let tcp = number == .tcp ? TCPInfo(state: .established) : nil
            node.kernel.insert(
                Flow(
                    original: original, reply: original.inverted, status: [.confirmed, .seenReply, .assured], tcp: tcp),
                timeout: 8_000_000)
        }
        // Between the routers both tables hold the same tuple: a session, the sync link, VRRP.
        add(0xc0a8_0a02, 0xc0a8_0a03, (50_022, 22), .tcp)
        add(0x0a63_0001, 0x0a63_0002, (3_780, 3_780), .udp)
        add(0xc0a8_0a02 + UInt32(node.index), 0xe000_0012, (0, 0), ProtocolNumber(rawValue: 112))
        add(0x7f00_0001, 0x7f00_0001, (40_000, 53), .udp)
        add(0xcb00_7102 + UInt32(node.index), 0xc633_6405, (40_123, 53), .udp)
    }

    /// A router makes and ends flows of its own.
    public func stirOwnFlows() {
        for node in nodes where node.isUp {
            let original = Tuple(
                source: Address(ipv4: 0xcb00_7102 + UInt32(node.index)), destination: Address(ipv4: 0xc633_6406),
                sourceKey: UInt16(generator.pick(30_000...30_050)), destinationKey: 53, family: .ipv4, protocol: .udp)
            let flow = Flow(original: original, reply: original.inverted, status: .confirmed)
            _ = node.kernel.carry(.init(flow: flow, isFirst: true, position: 0, sourceNAT: nil))
        }
    }
}
