import Bytes
import Engine
import StateMachine
import Testing

@testable import Simulation
@testable import SyncProtocol

/// Nodes that speak different versions of the wire: this code as it is, and as its successor, which speaks one more.
@Suite struct VersionTests {
    /// What was sent by each node, by the version that it was written in.
    private final class Sent {
        var byNode: [[UInt8: Int]] = []
    }

    private func run(_ versions: [ClosedRange<UInt8>], shared: Bool = false) -> (World, Sent) {
        var setup = World.Setup(seed: 3)
        setup.nodes = versions.count
        setup.isShared = [shared]
        setup.wireVersions = versions
        let world = World(setup)
        let sent = Sent()
        sent.byNode = versions.map { _ in [:] }
        let tap = world.network.tap
        world.network.tap = { node, bytes in
            tap?(node, bytes)
            sent.byNode[node][bytes[2], default: 0] += 1
        }
        world.begin()
        world.run(for: .seconds(8))
        return (world, sent)
    }

    @Test(arguments: [[1...1, 1...2], [1...2, 1...1], [1...2, 1...2]] as [[ClosedRange<UInt8>]])
    func `a pair of which one node is newer works, and writes what both read`(versions: [ClosedRange<UInt8>]) {
        let (world, sent) = run(versions)
        world.settle()
        for node in [1, 0] {
            world.give(to: node, words: .prompt)
            world.run(for: .seconds(4))
            world.settle()
        }
        let newest = min(versions[0].upperBound, versions[1].upperBound)
        for node in 0..<2 {
            #expect(sent.byNode[node].keys.max() == newest)
            // Greetings are for those who are not known, so they are in the oldest.
            #expect((sent.byNode[node][1] ?? 0) > 0)
        }
        #expect(world.traffic.broken.isEmpty && world.problems.isEmpty, "\(world.account())")
    }

    @Test(arguments: [false, true])
    func `of three nodes the one that is older costs the others nothing`(shared: Bool) {
        let (world, sent) = run([1...2, 1...2, 1...1], shared: shared)
        world.settle()
        world.give(to: 2, words: .prompt)
        world.run(for: .seconds(5))
        world.settle()
        #expect((sent.byNode[0][2] ?? 0) > 0 && sent.byNode[2][2] == nil)
        #expect(world.traffic.broken.isEmpty && world.problems.isEmpty, "\(world.account())")
    }

    @Test func `nodes without a common version count each other's datagrams, and nothing more happens`() throws {
        let (world, _) = run([1...1, 2...2])
        for node in world.nodes {
            let report = try #require(node.report(at: world.clock.now))
            #expect(report.peers.isEmpty && report.counters[.datagramVersion] > 5)
        }
    }
}
