import Conntrack
import Engine
import Failover
import Simulation
import StateMachine
import Testing

/// Two engines and one thing that happens to them.
@Suite struct ScriptedTests {
    private func finish(_ world: World) {
        world.checkMemory()
        #expect(world.problems.isEmpty, "\(world.account())")
    }

    private func inSync(seed: UInt64 = 1, _ change: (inout World.Setup) -> Void = { _ in }) -> World {
        var setup = World.Setup(seed: seed)
        change(&setup)
        let world = World(setup)
        world.begin()
        world.run(for: .seconds(10))
        world.settle()
        return world
    }

    @Test func `a standby follows its master`() {
        let world = inSync()
        world.run(for: .seconds(20))
        world.settle()
        #expect(world.nodes[1].flows(external: true).count > 50)
        #expect(world.nodes[1].flows(external: false).isEmpty)
        #expect(world.traffic.broken.isEmpty, "\(world.account())")
        finish(world)
    }

    @Test(arguments: World.Words.allCases)
    func `a handover breaks no connection, whatever the words`(words: World.Words) {
        let world = inSync()
        for round in 0..<6 {
            world.give(to: 1 - round % 2, words: words)
            world.run(for: .seconds(9))
            world.settle()
        }
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `a node that dies breaks no connection`() {
        let world = inSync()
        world.powerOff(0)
        world.give(to: 1, after: .milliseconds(700))
        world.run(for: .seconds(12))
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        world.powerOn(0)
        world.run(for: .seconds(5))
        world.settle()
        world.give(to: 0, words: .prompt)
        world.run(for: .seconds(8))
        world.settle()
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `an empty node that wins at once wipes nobody and gets the flows back`() {
        let world = inSync()
        world.powerOff(0)
        world.powerOn(0, after: .seconds(1))
        world.give(to: 0, after: .milliseconds(1_010))
        world.run(for: .seconds(10))
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        world.settle()
        #expect(world.nodes[1].flows(external: true).count > 50)
        finish(world)
    }

    @Test func `the restart of an agent on either node loses nothing`() {
        let world = inSync()
        for round in 0..<4 {
            world.killAgent(round % 2)
            world.startAgent(round % 2, after: .milliseconds(400))
            world.run(for: .seconds(5))
            world.settle()
        }
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(8))
        world.settle()
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `a lossy, doubling and reordering link delays and loses nothing`() {
        let world = inSync()
        world.network.change { weather in
            weather.loss = 30
            weather.duplication = 20
            weather.delay = 50...30_000
        }
        for round in 0..<4 {
            world.run(for: .seconds(6))
            world.settle()
            world.give(to: 1 - round % 2, words: .prompt)
        }
        world.run(for: .seconds(6))
        world.settle()
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `a bulk that tears more holes than a node keeps goes on and ends`() throws {
        let world = inSync {
            $0.load.opening = 80...200
            $0.load.lasting = 100
        }
        world.traffic.freeze()
        world.network.change { $0.loss = 30 }
        let before = try #require(world.nodes[0].report(at: world.clock.now)?.counters[.bulksSent])
        world.killAgent(1)
        world.startAgent(1, after: .milliseconds(400))
        world.run(for: .seconds(10))
        world.settle()
        #expect(world.nodes[1].flows(external: true).count > 60_000)
        let bulks = try #require(world.nodes[0].report(at: world.clock.now)?.counters[.bulksSent]) - before
        #expect(bulks <= 2, "\(bulks) bulks")
        finish(world)
    }

    @Test func `after a cut the difference is sent, without a bulk`() {
        let world = inSync()
        let before = world.nodes[0].report(at: world.clock.now)?.counters[.bulksSent]
        for sender in [0, 1, nil] as [Int?] {
            world.cut(from: sender, for: .seconds(2))
            world.run(for: .seconds(4))
            world.settle()
        }
        #expect(world.nodes[0].report(at: world.clock.now)?.counters[.bulksSent] == before, "\(world.account())")
        finish(world)
    }

    @Test func `what an overrun loses is found by a dump`() {
        let world = inSync()
        for _ in 0..<5 {
            world.run(for: .milliseconds(700))
            world.nodes[0].kernel.loseEvents()
        }
        world.settle()
        finish(world)
    }

    @Test func `an agent that stood still catches up`() {
        let world = inSync { $0.load.opening = 500...3_000 }
        world.nodes[0].kernel.queueLimit = 500
        for node in [0, 1, 0] {
            world.pause(node, for: .seconds(4))
            world.run(for: .seconds(6))
            world.settle()
        }
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `flapping every 300 milliseconds breaks no connection`() {
        let world = inSync()
        for round in 0..<20 {
            world.give(to: 1 - round % 2, words: .prompt)
            world.run(for: .milliseconds(300))
        }
        world.run(for: .seconds(8))
        world.settle()
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `a full table refuses flows and harms none`() {
        let world = inSync { $0.tableLimit = 600 }
        for round in 0..<4 {
            world.give(to: 1 - round % 2, words: .prompt)
            world.run(for: .seconds(6))
        }
        world.nodes.forEach { $0.kernel.limit = 100_000 }
        world.run(for: .seconds(12))
        world.settle()
        finish(world)
    }
}
