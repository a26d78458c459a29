/// What was seen on a link: the last datagrams, and a fair sample of all of them since the start.
///
/// Replays and forgeries are made of it.
struct DatagramMemory {
    /// One datagram that was sent.
    private struct Sent {
        let bytes: [UInt8]
        let from: Int
        /// The one node that it was sent to; nil for everyone.
        let to: Int?
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
    mutating func note(_ bytes: [UInt8], from node: Int, to receiver: Int?) {
        let sent = Sent(bytes: bytes, from: node, to: receiver)
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

    /// One of them, as old as chance wants; nil if there is none.
    func pick(_ generator: inout SeededGenerator) -> [UInt8]? { pick(&generator) { _ in true } }

    /// One of those that a node sent to another, or to everyone.
    func pick(from node: Int, to receiver: Int, _ generator: inout SeededGenerator) -> [UInt8]? {
        pick(&generator) { $0.from == node && $0.to ?? receiver == receiver }
    }

    private func pick(_ generator: inout SeededGenerator, where isWanted: (Sent) -> Bool) -> [UInt8]? {
        let source = generator.happens(50) ? recent : sample
        for _ in 0..<4 where !source.isEmpty {
            let sent = source[generator.pick(0...source.count - 1)]
            if isWanted(sent) { return sent.bytes }
        }
        return nil
    }
}
