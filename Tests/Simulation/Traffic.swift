public import Conntrack
internal import StateMachine

/// What a packet of the traffic meets on its way.
enum Forwarder {
    /// A node's table.
    case kernel(SimulatedKernel)
    /// A node that holds the addresses and lets nothing through until it is master.
    case held
    /// Nobody holds the addresses.
    case nobody
}

/// Connections that open, talk and close through whichever node holds the virtual addresses.
public final class Traffic {
    /// How much goes on.
    public struct Load: Sendable {
        /// Microseconds between two new connections; nil for none.
        public var opening: ClosedRange<Int>? = 2_000...30_000
        /// Of 100 connections, how many live to the end of the run.
        public var lasting = 10
        /// Hosts inside; few hosts and ports make tuples come back soon.
        public var hosts = 40
        public var ports = 200
        /// Whether sequences grow so fast that stale windows matter.
        public var strides = 1_000...30_000
        /// Whether a flow's mark tells which connection it is and how far it has come: see `Connection.stamp`.
        public var stamps = false

        /// Makes a mixed load of some hundred connections.
        public init() {}
    }

    /// A connection that its hosts noticed to break, and when and why.
    public struct Broken: Sendable, CustomStringConvertible {
        public let index: Int
        public let text: String

        public var description: String { text }
    }

    /// How long hosts go on without an answer.
    static let patience = Instant.Span.seconds(5)
    /// The virtual address outside.
    static let virtualOutside = Address(ipv4: 0xcb00_7101)

    let clock: VirtualClock
    var generator: SeededGenerator
    public var load = Load()
    public private(set) var connections: [Connection] = []
    private var byTuple: [Tuple: Int] = [:]
    private var packets = Agenda<Int>()
    private var nextOpening = Instant.never
    /// No packet leaves while it is frozen.
    public private(set) var isFrozen = false
    private var held: [Int] = []
    /// Connections that their hosts noticed to break, in order.
    public private(set) var broken: [Broken] = []

    /// Makes traffic that has not begun.
    public init(clock: VirtualClock, seed: UInt64) {
        self.clock = clock
        generator = SeededGenerator(seed: seed)
    }

    /// When the next packet leaves.
    var next: Instant { isFrozen ? .never : min(packets.next, nextOpening) }

    /// Begins to open connections.
    public func begin() { nextOpening = clock.now }

    /// Opens no more connections.
    public func stopOpening() { nextOpening = .never }

    /// Holds all packets back; entries still expire.
    public func freeze() { isFrozen = true }

    /// Lets packets go again.
    public func thaw() {
        isFrozen = false
        for index in connections.indices where connections[index].stalledSince != nil {
            connections[index].stalledSince = nil
        }
    }

    /// The connection of an original tuple, while packets of it may come.
    func carried(_ original: Tuple) -> Connection? {
        guard let index = byTuple[original], connections[index].isCarried else { return nil }
        return connections[index]
    }

    /// Sends what is due through a node; while there are several, a connection's hosts keep to one of them.
    func send(through forwarders: [Forwarder]) {
        if nextOpening <= clock.now {
            open()
            nextOpening = load.opening.map { clock.now + generator.microseconds($0) } ?? .never
        }
        while let index = packets.take(upTo: clock.now) { send(index, through: forwarders[index % forwarders.count]) }
    }

    private func send(_ index: Int, through forwarder: Forwarder) {
        guard connections[index].breakage == nil, connections[index].stage != .over else { return }
        let connection = connections[index]
        let isFirst = connection.stage == .opening
        let (flow, stage) = connection.next
        let position = connection.position + UInt64(generator.pick(load.strides))
        switch forwarder {
        case .nobody: return stall(index, "nobody forwards")
        case .held: return stall(index, "held")
        case .kernel(let kernel):
            let packet = SimulatedKernel.Packet(
                flow: flow, isFirst: isFirst, position: position, sourceNAT: connection.sourceNAT)
            let passage = stage == .over ? .passed : kernel.carry(packet)
            switch passage {
            case .opened(let opened):
                connections[index].flow = opened
                proceed(index, stage, position)
            case .passed:
                connections[index].flow = flow
                proceed(index, stage, position)
            case .missing: stall(index, "no entry")
            case .outsideWindow: stall(index, "outside the window")
            case .refused:
                if isFirst { end(index) } else { stall(index, "refused") }
            case .wrongNAT: shatter(index, "another translation")
            }
        }
    }

    private func proceed(_ index: Int, _ stage: Connection.Stage, _ position: UInt64) {
        let isNews = stage != connections[index].stage
        connections[index].stage = stage
        connections[index].position = position
        connections[index].stalledSince = nil
        if stage == .over { return end(index) }
        if stage == .live {
            if connections[index].assuredAt == nil, connections[index].flow.status.contains(.assured) {
                connections[index].assuredAt = clock.now
            }
            connections[index].packetsLeft -= 1
            if !load.stamps, generator.happens(3) { connections[index].flow.mark = UInt32(generator.pick(0...7)) }
        }
        if load.stamps, isNews || generator.happens(10) { connections[index].flow.mark += 1 }
        let pause = stage == .live ? connections[index].pace : 500...40_000
        packets.add(index, at: clock.now + generator.microseconds(pause))
    }

    private func stall(_ index: Int, _ reason: String) {
        let since = connections[index].stalledSince ?? clock.now
        connections[index].stalledSince = since
        guard clock.now.since(since) < Self.patience else { return shatter(index, reason) }
        packets.add(index, at: clock.now + generator.microseconds(150_000...300_000))
    }

    /// Lets the hosts of some connections fall silent for good; returns the original tuples of these.
    func silence(percent: Int) -> Set<Tuple> {
        var silenced: Set<Tuple> = []
        for index in connections.indices where connections[index].isCarried && generator.happens(percent) {
            silenced.insert(connections[index].flow.original)
            end(index)
        }
        return silenced
    }

    private func shatter(_ index: Int, _ reason: String) {
        let wasLive = connections[index].assuredAt != nil
        connections[index].breakage = reason
        byTuple[connections[index].flow.original] = nil
        if wasLive {
            broken.append(Broken(index: index, text: "t=\(clock.text) \(connections[index].flow.text): \(reason)"))
        }
    }

    private func end(_ index: Int) {
        connections[index].stage = .over
        let original = connections[index].flow.original
        if byTuple[original] == index { byTuple[original] = nil }
    }

    // MARK: Opening

    private func open() {
        let isLasting = generator.happens(load.lasting)
        var flow: Flow
        var sourceNAT: Address?
        let kind = generator.pick(0...99)
        switch kind {
        case ..<50:
            flow = ipv4(.tcp)
            sourceNAT = Self.virtualOutside
        case ..<60:
            flow = ipv4(.tcp)
            flow = inward(flow)
        case ..<70: flow = ipv6(.tcp)
        case ..<88:
            flow = ipv4(.udp)
            sourceNAT = Self.virtualOutside
        case ..<94: flow = ipv6(.udp)
        default:
            flow = ipv4(.icmp)
            flow.original.sourceKey = UInt16(generator.pick(1...60_000))
            flow.original.destinationKey = 0x0800
            flow.reply = flow.original.inverted
        }
        if generator.happens(5), let parent = connections.last(where: \.isLive), kind < 50 || kind >= 60 && kind < 70,
            parent.flow.original.family == flow.original.family
        {
            flow.master = parent.flow.original
            flow.status.insert(.expected)
        }
        guard byTuple[flow.original] == nil else { return }
        if load.stamps { flow.mark = Connection.stamp(connections.count) }
        let connection = Connection(
            flow: flow, sourceNAT: sourceNAT, packetsLeft: isLasting ? .max : generator.pick(1...12),
            pace: isLasting ? 200_000...3_000_000 : 20_000...600_000, position: UInt64(generator.pick(0...1_000_000)))
        byTuple[flow.original] = connections.count
        packets.add(connections.count, at: clock.now)
        connections.append(connection)
    }

    private func ipv4(_ number: ProtocolNumber) -> Flow {
        flow(
            Tuple(
                source: Address(ipv4: 0xc0a8_0a64 + UInt32(generator.pick(0...load.hosts))),
                destination: Address(ipv4: 0xc633_6400 + UInt32(generator.pick(1...20))),
                sourceKey: UInt16(40_000 + generator.pick(0...load.ports)), destinationKey: 443, family: .ipv4,
                protocol: number))
    }

    private func ipv6(_ number: ProtocolNumber) -> Flow {
        flow(
            Tuple(
                source: Address(high: 0x2001_0db8_0000_0010, low: UInt64(generator.pick(256...300))),
                destination: Address(high: 0x2001_0db8_0000_0099, low: UInt64(generator.pick(1...20))),
                sourceKey: UInt16(40_000 + generator.pick(0...load.ports)), destinationKey: 443, family: .ipv6,
                protocol: number))
    }

    /// A connection from outside to a server inside, by the virtual address.
    private func inward(_ flow: Flow) -> Flow {
        var flow = flow
        let server = Address(ipv4: 0xc0a8_0a14)
        flow.original.source = Address(ipv4: 0xc633_6480 + UInt32(generator.pick(1...40)))
        flow.original.destination = Self.virtualOutside
        flow.reply = flow.original.inverted
        flow.reply.source = server
        flow.reply.sourceKey = 8_443
        flow.status.formUnion([.destinationNAT, .sourceNATDone, .destinationNATDone])
        return flow
    }

    private func flow(_ original: Tuple) -> Flow {
        var tcp: TCPInfo?
        if original.protocol == .tcp {
            tcp = TCPInfo(
                state: .synSent, originalScale: UInt8(generator.pick(0...14)),
                originalFlags: [.windowScale, .sackPermitted])
        }
        return Flow(original: original, reply: original.inverted, status: .confirmed, tcp: tcp)
    }
}

extension Flow {
    /// The flow in one line, for transcripts.
    public var text: String {
        let state = tcp.map { " \($0.state.name)" } ?? ""
        return "\(original.protocol.name)\(state) \(original.text) / \(reply.text)"
    }
}

extension Tuple {
    /// The tuple in short.
    public var text: String {
        let from = source.text(family)
        let to = destination.text(family)
        return "\(from):\(sourceKey)>\(to):\(destinationKey)"
    }
}
