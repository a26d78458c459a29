/// What was seen on a link: the last datagrams, and a fair sample of all of them since the start.
///
/// Replays and forgeries are made of it.
struct DatagramMemory {
    /// One datagram that was sent.
    private struct Sent {
        let bytes: [UInt8]
        let from: Int
    }

    private static let recentLimit = 64
    private static let sampleLimit = 256

    private var recent: [Sent] = []
    private var nextRecent = 0
    private var sample: [Sent] = []
    private var count: UInt64 = 0
    /// Chance of its own: what is remembered must not move what happens.
    private var generator = SeededGenerator(seed: 0x6d65_6d6f)

    /// Makes a memory of nothing.
    init() {}

    /// Takes in a datagram.
    mutating func note(_ bytes: [UInt8], from node: Int) {
        let sent = Sent(bytes: bytes, from: node)
        if recent.count < Self.recentLimit { recent.append(sent) } else { recent[nextRecent] = sent }
        nextRecent = (nextRecent + 1) % Self.recentLimit
        count += 1
        if sample.count < Self.sampleLimit {
            sample.append(sent)
        } else {
            let place = generator.next() % count
            if place < UInt64(Self.sampleLimit) { sample[Int(place)] = sent }
        }
    }

    /// One of them, as old as chance wants, of a node or of any; nil if there is none.
    func pick(from node: Int?, _ generator: inout SeededGenerator) -> [UInt8]? {
        let source = generator.happens(50) ? recent : sample
        for _ in 0..<4 where !source.isEmpty {
            let sent = source[generator.pick(0...source.count - 1)]
            if node ?? sent.from == sent.from { return sent.bytes }
        }
        return nil
    }
}
