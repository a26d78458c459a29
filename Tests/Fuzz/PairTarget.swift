import Conntrack
import Failover
import StateMachine

@testable import Engine
@testable import Simulation

/// Two engines, and somebody on the link who changes, cuts, repeats and holds back what they send.
///
/// While the link is open to forgers they may do harm; but when they have gone the nodes must come to an agreement, by
/// a bulk at the latest, and no engine may turn without a rest.
enum PairTarget {
    private static let stepLimit = 24
    private static let memory = 64

    static func take(_ bytes: [UInt8]) throws(FuzzFailure) {
        var input = FuzzInput(bytes)
        var setup = World.Setup(seed: UInt64(input.byte() & 3))
        setup.load.opening = 100_000...300_000
        let world = World(setup)
        var heard: [(sender: Int, bytes: [UInt8])] = []
        var isForging = false
        let tap = world.network.tap
        world.network.tap = { node, datagram in
            guard !isForging else { return }
            tap?(node, datagram)
            if heard.count == memory { heard.removeFirst(memory / 2) }
            heard.append((node, datagram))
        }
        world.begin()
        world.run(for: .milliseconds(UInt64(input.byte()) * 20))
        for _ in 0..<stepLimit where !input.isEmpty {
            switch input.below(8) {
            case 0...4:
                guard !heard.isEmpty else { continue }
                let (sender, datagram) = heard[heard.count - 1 - input.below(heard.count)]
                let forged = changed(datagram, &input)
                guard forged.count <= world.network.payload else { continue }
                isForging = true
                world.network.send(forged, from: input.below(8) == 7 ? 1 - sender : sender)
                isForging = false
            case 5: world.run(for: .milliseconds(UInt64(input.byte()) * 4))
            case 6:
                if let owner = world.owner { world.give(to: 1 - owner, words: input.pick(World.Words.allCases)) }
            default:
                let node = input.below(2)
                world.killAgent(node)
                world.startAgent(node, after: .milliseconds(UInt64(input.byte()) * 8))
            }
        }
        try recover(world)
    }

    /// Where a header's sequence stands, which a forger leaves alone here: one that is thousands ahead makes the words
    /// of its true sender late ones until the true sequence comes there, so the nodes may not agree on roles in time.
    private static let sequencePlaces = 26..<34

    private static func changed(_ datagram: [UInt8], _ input: inout FuzzInput) -> [UInt8] {
        var bytes = datagram
        for _ in 0..<input.below(4) {
            // The front of a datagram and of its first messages is where the session's numbers stand.
            let place = input.flag() ? Int(input.byte()) : Int(input.uint16())
            let value = input.byte()
            if !sequencePlaces.contains(place % bytes.count) { bytes[place % bytes.count] = value }
        }
        if input.below(8) == 7 { bytes.removeLast(min(bytes.count, Int(input.byte()))) }
        return bytes
    }

    private static func recover(_ world: World) throws(FuzzFailure) {
        // What was appointed before may still come, and a forged peer may have to fall silent.
        world.run(for: .seconds(8))
        for node in world.nodes {
            world.startAgent(node.index)
            world.tell(node.index, world.owner == node.index ? .master : .backup)
        }
        world.run(for: .seconds(4))
        guard let owner = world.owner else { return }
        world.nodes[owner].engine?.take(.bulk(id: 1), at: world.clock.now)
        world.run(for: .seconds(2))
        let agrees = world.settle(within: .seconds(20))
        try hold(agrees, world.account(lines: 60))
        for node in world.nodes {
            try hold(node.busyTurns < World.busyLimit, "\(node.name) does not rest")
        }
    }

    static var seeds: [[UInt8]] {
        [
            [0, 200, 0, 0, 5, 100, 0, 3, 2, 1, 40, 0, 5, 100],
            [1, 100, 1, 9, 1, 1, 20, 255, 7, 0, 5, 50, 6, 0, 5, 200],
            [2, 250, 7, 0, 100, 2, 4, 2, 0, 1, 0, 9, 7, 3, 6, 1],
        ]
    }
}
