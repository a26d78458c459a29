public import Bytes
public import Engine
public import StateMachine

/// The link between two nodes, which loses, doubles, delays and reorders what it carries.
public final class SimulatedNetwork {
    /// How one direction behaves.
    public struct Weather: Sendable {
        /// Of 100 datagrams, how many are lost, and how many come twice.
        public var loss = 0
        public var duplication = 0
        /// How long a datagram takes, in microseconds; a wide range reorders.
        public var delay = 50...200
        /// Nothing arrives.
        public var isCut = false

        /// Makes fair weather.
        public init() {}
    }

    /// Datagrams that wait at a node at most; the socket's buffer.
    static let inboxLimit = 1_024

    let clock: VirtualClock
    var generator: SeededGenerator
    /// By sender.
    public var weather: [Weather]
    private var flying = Agenda<(to: Int, bytes: [UInt8])>()
    var inboxes: [[(bytes: [UInt8], source: UInt64)]]
    /// Bytes of a datagram at most.
    public var payload = 1_452
    /// Datagrams that were sent and lost.
    public private(set) var sent = 0
    public private(set) var lost = 0
    /// Looks at every datagram that is sent.
    var tap: ((_ from: Int, _ bytes: [UInt8]) -> Void)?

    /// Makes a link between two nodes.
    public init(clock: VirtualClock, seed: UInt64) {
        self.clock = clock
        generator = SeededGenerator(seed: seed)
        weather = [Weather(), Weather()]
        inboxes = [[], []]
    }

    /// When the next datagram arrives.
    public var next: Instant { flying.next }

    /// Puts what has arrived where its node finds it; returns who got something.
    func deliver() -> [Int] {
        var reached = [false, false]
        while let datagram = flying.take(upTo: clock.now) {
            guard inboxes[datagram.to].count < Self.inboxLimit else {
                lost += 1
                continue
            }
            inboxes[datagram.to].append((datagram.bytes, UInt64(2 - datagram.to)))
            reached[datagram.to] = true
        }
        return reached.indices.filter { reached[$0] }
    }

    /// Sends bytes from a node to the other, or lets a test put in what nobody sent.
    public func send(_ bytes: [UInt8], from node: Int) {
        precondition(bytes.count <= payload, "a datagram is larger than the link's MTU")
        tap?(node, bytes)
        let weather = weather[node]
        sent += 1
        let copies = generator.happens(weather.duplication) ? 2 : 1
        for _ in 0..<copies {
            // Chance is drawn in any case, so that a cut moves nothing else.
            let isLost = generator.happens(weather.loss)
            let delay = generator.microseconds(weather.delay)
            if isLost || weather.isCut {
                lost += 1
            } else {
                flying.add((1 - node, bytes), at: clock.now + delay)
            }
        }
    }
}

/// The port through which one engine reaches the simulated link.
public struct SimulatedLinkPort: LinkPort {
    let network: SimulatedNetwork
    let node: Int

    /// One link, so far.
    public var linkCount: Int { 1 }

    /// Bytes of a datagram at most.
    public var maximumPayload: Int { network.payload }

    /// Whether one datagram reaches everyone.
    public func isShared(_ link: UInt8) -> Bool { false }

    /// Takes in the datagrams that wait.
    public mutating func receive(into datagrams: inout DatagramBatch) {
        let taken = min(network.inboxes[node].count, datagrams.limit)
        for datagram in network.inboxes[node].prefix(taken) {
            datagram.bytes.withBytes { datagrams.append($0, source: datagram.source) }
        }
        network.inboxes[node].removeFirst(taken)
    }

    /// Sends what the batch holds.
    public mutating func send(_ datagrams: borrowing DatagramBatch) {
        for index in 0..<datagrams.count {
            network.send(datagrams.withDatagram(index) { Array<UInt8>($0) }, from: node)
        }
    }
}
