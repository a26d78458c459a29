import Conntrack
import Engine
import Failover
import StateMachine
import Testing

@testable import Simulation

/// One misfortune at a time, to a pair that is in sync and looked at all the time.
@Suite struct MisfortuneTests {
    private func finish(_ world: World) {
        world.checkMemory()
        #expect(world.problems.isEmpty, "\(world.account())")
    }

    private func inSync(seed: UInt64 = 1, _ change: (inout World.Setup) -> Void = { _ in }) -> World {
        var setup = World.Setup(seed: seed)
        setup.load.stamps = true
        setup.watchInterval = .milliseconds(100)
        change(&setup)
        let world = World(setup)
        world.begin()
        world.run(for: .seconds(8))
        world.settle()
        return world
    }

    private func report(_ world: World, _ node: Int) throws -> EngineReport {
        try #require(world.nodes[node].report(at: world.clock.now))
    }

    @Test func `what expires on a standby stays on the master`() throws {
        let world = inSync()
        // The first master's kernel still has what it carried.
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(1))
        let before = try report(world, 1)
        world.traffic.freeze()
        let count = world.nodes[0].kernel.expireAtOnce { world.nodes[0].filter.verdict($0.flow) == .replicated }
        world.run(for: .milliseconds(300))
        #expect(count > 100)
        let after = try report(world, 1)
        // What ended in that time ended on the master itself.
        #expect(after.internalFlows > before.internalFlows * 8 / 10)
        world.run(for: .seconds(5))
        world.settle()
        #expect(world.traffic.broken.isEmpty)
        finish(world)
    }

    @Test func `copies of flows that ended while no agent ran on a hot standby are found out by their leases`() throws {
        let world = inSync { $0.isHot = true }
        world.nodes[0].kernel.flood(2_000, timeout: 3)
        world.run(for: .seconds(1))
        world.killAgent(1)
        let local = Tuple(
            source: Address(ipv4: 0xc0a8_0a0b), destination: Address(ipv4: 0xc633_640a), sourceKey: 4_000,
            destinationKey: 22, family: .ipv4, protocol: .tcp)
        world.nodes[1].kernel.track(
            Flow(original: local, reply: local.inverted, status: [.confirmed, .assured, .seenReply]), timeout: 500)
        world.run(for: .seconds(4))
        #expect(world.nodes[1].kernelFlows.count > 2_000)
        world.startAgent(1)
        world.run(for: .seconds(5))
        world.settle()
        #expect(world.nodes[1].kernelFlows.count < 1_500)
        #expect(world.nodes[1].kernel.entry(original: local) != nil)
        #expect(world.traffic.broken.isEmpty)
        finish(world)
    }

    @Test func `what went with an address comes back without a parent that the kernel lost unheard`() throws {
        let world = inSync()
        let kernel = world.nodes[0].kernel
        let child = try #require(
            world.traffic.connections.first {
                $0.isLive && $0.flow.master != nil && kernel.entry(original: $0.flow.original) != nil
            })
        kernel.forget(try #require(child.flow.master))
        kernel.kill(child.flow.original)
        world.agenda.add(.networkWent(0), at: world.clock.now)
        world.run(for: .seconds(3))
        #expect(kernel.entry(original: child.flow.original) != nil)
    }

    @Test func `a hot standby hears of flows that begin only where some may`() throws {
        let world = inSync { $0.isHot = true }
        let kernels = world.nodes.map(\.kernel)
        #expect(kernels[0].hearsNew && !kernels[1].hearsNew)
        world.give(to: 1, words: .prompt)
        world.run(for: .milliseconds(100))
        #expect(kernels[1].hearsNew)
        // What begins at the old master while hosts still send to it is told to the new one.
        world.run(for: .seconds(1))
        #expect(kernels[0].hearsNew && kernels[1].hearsNew)
        world.run(for: .seconds(60))
        #expect(!kernels[0].hearsNew && kernels[1].hearsNew)
        world.settle()
        #expect(world.traffic.broken.isEmpty)
        finish(world)
    }

    @Test func `a role that flaps makes no lease longer`() throws {
        let world = inSync { $0.isHot = true }
        world.traffic.freeze()
        for turn in 1...12 {
            world.give(to: turn % 2, words: .prompt)
            world.run(for: .milliseconds(300))
        }
        world.settle()
        world.killAgent(1)
        world.nodes[0].kernel.expireAtOnce { world.nodes[0].filter.verdict($0.flow) == .replicated }
        world.run(for: .seconds(1))
        world.startAgent(1)
        world.run(for: .seconds(5))
        world.settle()
        #expect(world.nodes[1].kernelFlows.count == world.nodes[0].kernelFlows.count)
        finish(world)
    }

    @Test func `thousands of flows that expire together leave no trace`() throws {
        let world = inSync()
        world.nodes[0].kernel.flood(4_000, timeout: 3)
        world.run(for: .seconds(2))
        #expect(try report(world, 1).externalFlows > 4_000)
        world.run(for: .seconds(4))
        world.settle()
        let (master, standby) = (try report(world, 0), try report(world, 1))
        #expect(standby.externalFlows < 1_500 && master.tombstones < 1_000)
        finish(world)
    }

    @Test(arguments: [[.busy, .again], [.noSpace], [.tableFull], [.other, .dying]] as [[WriteRefusal]])
    func `what the kernel refuses for two seconds is written when it refuses no longer`(reasons: [WriteRefusal]) {
        let world = inSync()
        world.nodes[1].kernel.refusing = .init(
            until: world.clock.now + .seconds(2), share: 60, reasons: reasons)
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(8))
        world.settle()
        #expect(world.nodes[1].kernel.refusedByChance > 50)
        // What meets no entry meanwhile and may open one is translated anew; TCP waits.
        let broken = world.traffic.broken.filter { !$0.text.contains("udp") }
        #expect(broken.isEmpty, "\(broken) \(world.account())")
        finish(world)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>, [false, true])
    func `two masters that both forward agree when one of them gives way`(seed: UInt64, areParted: Bool) {
        // So fast that an entry is stale after a few packets that went another way.
        let world = inSync(seed: seed) {
            $0.load.strides = 50_000...65_000
            $0.load.lasting = 60
        }
        let live = world.traffic.connections.map(\.isLive)
        if areParted { world.cut(from: nil, for: .seconds(3)) }
        world.split(with: 1, for: .seconds(3))
        world.run(for: .seconds(2))
        #expect(world.nodes.allSatisfy { $0.role == "master" })
        world.run(for: .seconds(12))
        #expect(world.rival == nil)
        world.settle()
        // What is opened while both forward may be given one port by both; UDP that meets no entry opens another one.
        let broken = world.traffic.broken.filter {
            $0.index < live.count && live[$0.index] && !$0.text.contains(" udp ")
        }
        #expect(broken.isEmpty, "\(broken) \(world.account())")
        finish(world)
    }

    @Test func `a third node that sees two masters purges nothing and rests`() {
        let world = inSync {
            $0.nodes = 3
            $0.purgeTimeout = .seconds(1)
        }
        world.give(to: 1, words: .prompt)
        world.run(for: .milliseconds(500))
        let turns = world.nodes[0].turns
        world.split(with: 2, for: .seconds(5))
        world.run(for: .seconds(4))
        #expect(world.nodes[0].report(at: world.clock.now)?.twoMasters != nil)
        #expect(world.nodes[0].turns < turns + 4_000)
        world.run(for: .seconds(3))
        world.settle()
        finish(world)
    }

    @Test(arguments: [2, 5])
    func `of several links one may fall silent`(nodes: Int) {
        let world = inSync {
            $0.nodes = nodes
            $0.links = 2
            $0.isShared = [nodes > 2, false]
        }
        for link in [0, 1, 0] {
            world.cut(for: .seconds(5)) { $0.link == link }
            world.run(for: .seconds(2))
            world.give(to: world.owner == 0 ? 1 : 0, words: .prompt)
            world.run(for: .seconds(5))
        }
        world.settle()
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test(arguments: [3, 5])
    func `every node of several may take over`(nodes: Int) {
        let world = inSync {
            $0.nodes = nodes
            $0.isShared = [true]
        }
        for node in [1, 2, 0, 2, 1] {
            world.give(to: node, words: .prompt)
            world.run(for: .seconds(6))
            world.settle()
        }
        world.powerOff(1)
        world.give(to: 2, after: .milliseconds(500))
        world.powerOn(1, after: .seconds(3))
        world.run(for: .seconds(10))
        world.settle()
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `an agent whose clock was set back by a year is followed as before`() throws {
        let world = inSync()
        for seconds in [-31_536_000, 31_536_000, -86_400] as [Int64] {
            for node in world.nodes {
                node.clockOffset += seconds * 1_000_000_000
                world.killAgent(node.index)
                world.startAgent(node.index, after: .milliseconds(200))
                world.run(for: .seconds(4))
                world.settle()
            }
        }
        #expect(world.traffic.broken.isEmpty)
        finish(world)
    }

    @Test(arguments: Array(stride(from: 0, through: 600, by: 25)))
    func `an agent may die at any step of its takeover`(steps: Int) {
        let world = inSync { $0.load.opening = 20_000...60_000 }
        world.nodes[1].process.end(after: steps)
        world.nodes[1].restart = .milliseconds(150)
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(6))
        world.settle()
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `old datagrams of any age change nothing on an open link`() {
        let world = inSync()
        world.network.change { weather in
            weather.replay = 50
            weather.delay = 50...20_000
        }
        for round in 0..<4 {
            world.run(for: .seconds(6))
            world.give(to: 1 - round % 2, words: .prompt)
        }
        world.run(for: .seconds(3))
        world.settle()
        #expect(world.network.tally.replayed > 1_000)
        #expect(world.traffic.broken.isEmpty, "\(world.traffic.broken) \(world.account())")
        finish(world)
    }

    @Test func `a queue that is too short for what happens is found out by dumps`() throws {
        let world = inSync { $0.load.opening = 500...2_000 }
        world.nodes[0].kernel.queueLimit = 20
        for _ in 0..<4 {
            world.nodes[0].kernel.flood(300, timeout: 4)
            world.run(for: .seconds(1))
        }
        #expect(try report(world, 0).counters[.overruns] > 2)
        world.nodes[0].kernel.queueLimit = SimulatedKernel.usualQueueLimit
        world.run(for: .seconds(4))
        world.settle()
        finish(world)
    }
}
