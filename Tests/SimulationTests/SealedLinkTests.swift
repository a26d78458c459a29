import Engine
import StateMachine
import Testing

@testable import Simulation
@testable import SyncProtocol

/// Sealed links between two engines, and somebody on them who has no key.
@Suite struct SealedLinkTests {
    private func inSync(_ sealing: World.Setup.Sealing, seed: UInt64 = 1) -> World {
        var setup = World.Setup(seed: seed)
        setup.sealing = sealing
        setup.load.stamps = true
        setup.watchInterval = .milliseconds(200)
        let world = World(setup)
        world.begin()
        world.run(for: .seconds(8))
        world.settle()
        return world
    }

    private func count(_ world: World, _ counter: SealingCounter) -> UInt64 {
        world.nodes.compactMap { $0.engine?.link.sealing.first?.machine.counters[counter] }.reduce(0, +)
    }

    private func finish(_ world: World) {
        world.run(for: .seconds(5))
        world.settle()
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        #expect(world.problems.isEmpty, "\(world.account())")
    }

    @Test func `what is forged, changed, cut and repeated reaches no engine`() {
        let world = inSync(.required)
        for round in 0..<6 {
            for _ in 0..<10 { world.attack() }
            world.run(for: .seconds(3))
            if round == 2 { world.killAgent(0) }
            if round == 2 { world.startAgent(0, after: .milliseconds(100)) }
            if round == 4 { world.give(to: 1, words: .prompt) }
        }
        #expect(world.network.tally.forged > 500)
        #expect(count(world, .openRefused) > 10 && count(world, .badSeal) > 10 && count(world, .replay) > 10)
        #expect(count(world, .openTaken) == 0)
        finish(world)
    }

    @Test func `keys are rolled over under load`() throws {
        let world = inSync(.required)
        for _ in 0..<3 {
            #expect(world.rollKeys())
            world.run(for: .seconds(5))
        }
        for node in world.nodes { #expect(node.ring?.keys == [4]) }
        #expect(world.nodes[1].engine?.link.sealing.first?.machine.keys.used == 4)
        finish(world)
    }

    @Test func `the stages are gone through, up and down, under load`() {
        let world = inSync(.stepped)
        var seen: Set<Int> = [world.stage]
        for _ in 0..<8 {
            #expect(world.stepStage())
            seen.insert(world.stage)
            world.run(for: .seconds(3))
        }
        #expect(seen == [0, 1, 2])
        #expect(count(world, .sealedTaken) > 100 && count(world, .openTaken) > 100)
        finish(world)
    }

    @Test func `the record knows what no node has sealed, and what is too old`() {
        let clock = VirtualClock()
        var problems: [String] = []
        let record = SealRecord(clock: clock) { problems.append($0) }
        let front = SealedFront(isOwn: false, keyID: 1, link: 0, sender: 7, incarnation: 9, sequence: 1)
        record.sealed([1, 2, 3], front)
        _ = record.judge([1, 2, 3], over: 0, at: "r1", runningSince: clock.now)
        #expect(problems.isEmpty)
        _ = record.judge([1, 2, 4], over: 0, at: "r1", runningSince: clock.now)
        _ = record.judge([1, 2, 3], over: 1, at: "r1", runningSince: clock.now)
        #expect(problems.count == 2)
        _ = record.judge([1, 2, 3], over: 0, at: "r1", runningSince: clock.now + .seconds(1))
        #expect(problems.count == 3)
        record.sealed([1, 2, 3], front)
        #expect(problems.count == 4)
    }
}
