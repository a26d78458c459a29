internal import Bytes
internal import Engine
internal import StateMachine
internal import SyncProtocol

/// Keys, stages of sealing, and somebody on the links who has none.
extension World {
    private static let stages: [SealingStage] = [.off, .accept, .require]
    /// Within such a span an operator goes from node to node.
    private static let round = 10_000...900_000

    /// Carries out what an operator orders of a node, in its configuration and in the agent that runs.
    func carryOut(_ order: KeyRing.Order, at node: SimulatedNode) {
        note("\(node.name) is ordered: \(order)")
        node.ring?.take(order)
        guard node.engine != nil else { return }
        for link in 0..<network.linkCount { node.engine?.link.sealing[link].take(order) }
    }

    /// Rolls the key over: the new one on all nodes, then used by all, then the old one gone from all.
    func rollKeys() -> Bool {
        guard ordersEnd <= clock.now, lastKey < .max else { return false }
        let (old, new) = (lastKey, lastKey + 1)
        lastKey = new
        note("key \(old) is followed by key \(new)")
        order(.add(new), .use(new), .remove(old))
        return true
    }

    /// Goes to the next stage of sealing, or back to the last.
    func stepStage() -> Bool {
        guard ordersEnd <= clock.now else { return false }
        stage += stage == 0 ? 1 : stage == 2 ? -1 : generator.happens(60) ? 1 : -1
        note("the nodes go to stage \(Self.stages[stage])")
        order(.enter(Self.stages[stage]))
        return true
    }

    /// Orders one thing after the other: the next when all nodes have done the last.
    private func order(_ orders: KeyRing.Order...) {
        var begin = clock.now
        for order in orders {
            for node in nodes { agenda.add(.order(node.index, order), at: begin + generator.microseconds(Self.round)) }
            begin = begin + .seconds(1)
        }
        ordersEnd = begin
    }

    // MARK: An attacker

    /// Lets somebody on the links forge for a while.
    func attack() {
        let count = generator.pick(1...60)
        note("somebody forges \(count) datagrams")
        for _ in 0..<count { agenda.add(.forge, at: clock.now + generator.microseconds(100...2_000_000)) }
    }

    /// Puts one datagram before a node that no node has put there.
    func forge() {
        let link = generator.pick(0...network.linkCount - 1)
        let target = generator.pick(0...nodes.count - 1)
        // The attacker may have the address of a node.
        let source = UInt64(generator.pick(0...nodes.count) + 1)
        guard var bytes = network.memories[link].pick(&generator), !bytes.isEmpty else { return }
        switch generator.pick(0...5) {
        case 0:
            // As if it never had been sealed.
            bytes[SealedFront.keyOffset] = 0
            bytes[SealedFront.linkOffset] = 0
            bytes.removeLast(min(bytes.count, SealedFront.tagSize))
        case 1:
            for _ in 0...generator.pick(0...3) {
                bytes[generator.pick(0...bytes.count - 1)] ^= 1 << UInt8(generator.pick(0...7))
            }
        case 2: bytes.removeLast(generator.pick(1...bytes.count))
        case 3: bytes = (0..<generator.pick(1...200)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        case 4:
            // A front of today before a body of yesterday.
            guard let other = network.memories[link].pick(&generator) else { return }
            bytes = Array(other.prefix(SealedFront.size)) + bytes.dropFirst(SealedFront.size)
        default: break
        }
        network.forge(bytes, source: source, over: generator.happens(80) ? link : otherLink(than: link), to: target)
    }

    private func otherLink(than link: Int) -> Int { (link + 1) % network.linkCount }
}
