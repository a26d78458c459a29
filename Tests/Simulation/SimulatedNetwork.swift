public import StateMachine

/// The links between the nodes, which lose, double, replay, delay and reorder what they carry.
public final class SimulatedNetwork {
    /// From one node to another over one link.
    public struct Path: Hashable, Sendable {
        public let link: Int
        public let from: Int
        public let to: Int
    }

    /// How one path behaves.
    public struct Weather: Sendable {
        /// Of 100 datagrams, how many are lost, and how many come twice.
        public var loss = 0
        public var duplication = 0
        /// Of 100 datagrams, after how many an old one of any age comes again.
        public var replay = 0
        /// How long a datagram takes, in microseconds; a wide range reorders.
        public var delay = 50...200
        /// Nothing arrives.
        public var isCut = false

        /// Makes fair weather.
        public init() {}
    }

    /// What became of the datagrams, one count for each node that they were to reach.
    public struct Tally: Sendable {
        public var sent = 0
        public var lost = 0
        public var doubled = 0
        public var replayed = 0
        /// They came behind one that was sent later.
        public var overtaken = 0
        /// Nobody of the nodes sent them.
        public var forged = 0
    }

    /// A datagram at its node.
    struct Arrival {
        var bytes: [UInt8]
        var source: UInt64
        var link: UInt8
    }

    /// A datagram on its way.
    private struct Flight {
        let path: Path
        let source: UInt64
        let bytes: [UInt8]
        /// Counts what went over this path; 0 for what nobody sent.
        let serial: UInt64
    }

    /// Datagrams of one link that wait at a node at most; the socket's buffer.
    static let inboxLimit = 1_024

    let clock: VirtualClock
    var generator: SeededGenerator
    public let nodeCount: Int
    public let linkCount: Int
    /// By link: whether one datagram reaches everyone.
    public var isShared: [Bool]
    private var weather: [Weather]
    private var serials: [UInt64]
    private var arrived: [UInt64]
    private var flying = Agenda<Flight>()
    var inboxes: [[Arrival]]
    /// What was sent, by link.
    var memories: [DatagramMemory]
    /// Bytes of a datagram at most.
    public var payload = 1_452
    public private(set) var tally = Tally()
    /// Looks at every datagram that is sent, before it is sealed.
    var tap: ((_ from: Int, _ bytes: [UInt8]) -> Void)?

    /// Makes links between some nodes.
    public init(clock: VirtualClock, seed: UInt64, nodes: Int = 2, links: Int = 1) {
        self.clock = clock
        generator = SeededGenerator(seed: seed)
        nodeCount = nodes
        linkCount = links
        isShared = Array(repeating: false, count: links)
        weather = Array(repeating: Weather(), count: links * nodes * nodes)
        serials = Array(repeating: 0, count: weather.count)
        arrived = Array(repeating: 0, count: weather.count)
        inboxes = Array(repeating: [], count: nodes)
        memories = Array(repeating: DatagramMemory(), count: links)
    }

    // MARK: Weather

    /// All paths, by link, sender and receiver.
    public var paths: [Path] {
        (0..<linkCount).flatMap { link in
            (0..<nodeCount).flatMap { from in
                (0..<nodeCount).filter { $0 != from }.map { Path(link: link, from: from, to: $0) }
            }
        }
    }

    /// How a path behaves.
    public subscript(path: Path) -> Weather {
        get { weather[place(of: path)] }
        set { weather[place(of: path)] = newValue }
    }

    /// Changes the weather of all paths.
    public func change(_ body: (inout Weather) -> Void) {
        for path in paths { body(&self[path]) }
    }

    private func place(of path: Path) -> Int { (path.link * nodeCount + path.from) * nodeCount + path.to }

    // MARK: Datagrams

    /// When the next datagram arrives.
    public var next: Instant { flying.next }

    /// Puts what has arrived where its node finds it; returns who got something.
    func deliver() -> [Int] {
        var reached = Array(repeating: false, count: nodeCount)
        while let flight = flying.take(upTo: clock.now) {
            guard inboxes[flight.path.to].count < Self.inboxLimit * linkCount else {
                tally.lost += 1
                continue
            }
            let place = place(of: flight.path)
            if flight.serial != 0, flight.serial < arrived[place] { tally.overtaken += 1 }
            arrived[place] = max(arrived[place], flight.serial)
            inboxes[flight.path.to].append(
                Arrival(bytes: flight.bytes, source: flight.source, link: UInt8(flight.path.link)))
            reached[flight.path.to] = true
        }
        return reached.indices.filter { reached[$0] }
    }

    /// Sends an open datagram from a node to another, or to all, or lets a test put in what nobody sent.
    public func send(_ bytes: [UInt8], from node: Int, over link: Int = 0, to receiver: Int? = nil) {
        tap?(node, bytes)
        put(bytes, from: node, over: link, to: receiver)
    }

    /// Puts bytes on a link as they are.
    func put(_ bytes: [UInt8], from node: Int, over link: Int, to receiver: Int? = nil) {
        precondition(bytes.count <= payload, "a datagram is larger than the link's MTU")
        for other in 0..<nodeCount where other != node && receiver ?? other == other {
            carry(bytes, over: Path(link: link, from: node, to: other))
        }
        memories[link].note(bytes, from: node, to: receiver)
    }

    /// Lets a node find a datagram that none of the others sent.
    func forge(_ bytes: [UInt8], source: UInt64, over link: Int, to node: Int) {
        tally.forged += 1
        let flight = Flight(path: Path(link: link, from: node, to: node), source: source, bytes: bytes, serial: 0)
        flying.add(flight, at: clock.now + .microseconds(100))
    }

    private func carry(_ bytes: [UInt8], over path: Path) {
        let weather = self[path]
        let place = place(of: path)
        tally.sent += 1
        serials[place] += 1
        var copies = [bytes]
        if generator.happens(weather.duplication) {
            copies.append(bytes)
            tally.doubled += 1
        }
        if weather.replay > 0, generator.happens(weather.replay),
            let old = memories[path.link].pick(from: path.from, to: path.to, &generator)
        {
            copies.append(old)
            tally.replayed += 1
        }
        for bytes in copies {
            // Chance is drawn in any case, so that a cut moves nothing else.
            let isLost = generator.happens(weather.loss)
            let delay = generator.microseconds(weather.delay)
            if isLost || weather.isCut {
                tally.lost += 1
            } else {
                flying.add(
                    Flight(path: path, source: UInt64(1 + path.from), bytes: bytes, serial: serials[place]),
                    at: clock.now + delay)
            }
        }
    }
}
