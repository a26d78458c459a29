import Conntrack
import Engine
import StateMachine
import Testing

@testable import Engine
@testable import Replication
@testable import Simulation

/// Two engines that prove to each other that they hold the same, and what a difference costs.
@Suite struct DigestSimulationTests {
    private func inSync(seed: UInt64 = 5) -> World {
        let world = World(World.Setup(seed: seed))
        world.begin()
        world.run(for: .seconds(12))
        world.settle()
        return world
    }

    private func digest(
        _ world: World, _ node: Int
    ) throws -> (local: UInt64, remote: UInt64, version: UInt64, equalAt: Instant?) {
        try #require(world.nodes[node].report(at: world.clock.now)?.peers.first?.digest)
    }

    private func count(_ world: World, _ node: Int, _ counter: EngineCounter) -> UInt64 {
        world.nodes[node].report(at: world.clock.now)?.counters[counter] ?? 0
    }

    @Test func `both nodes say that they are equal, at the same version, and keep saying so`() throws {
        let world = inSync()
        for _ in 0..<5 {
            world.run(for: .seconds(3))
            world.settle()
            world.run(for: .seconds(2))
            let (master, standby) = (try digest(world, 0), try digest(world, 1))
            #expect(master.local == master.remote && standby.local == standby.remote)
            #expect(master.version == standby.version && master.local == standby.local)
            let age = world.clock.now.since(try #require(standby.equalAt))
            #expect(age <= .seconds(2))
        }
        #expect(count(world, 1, .divergences) == 0)
        #expect(world.problems.isEmpty, "\(world.account())")
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `under load and loss there is never a false alarm`(seed: UInt64) {
        let world = inSync(seed: seed)
        world.network.change { weather in
            weather.loss = 20
            weather.duplication = 20
            weather.delay = 50...20_000
        }
        for round in 0..<4 {
            world.run(for: .seconds(6))
            world.give(to: 1 - round % 2, words: .prompt)
        }
        world.run(for: .seconds(6))
        world.settle()
        let diverged = count(world, 0, .divergences) + count(world, 1, .divergences)
        #expect(diverged == 0, "\(world.account())")
        #expect(count(world, 0, .digestsCompared) + count(world, 1, .digestsCompared) > 3)
    }

    @Test func `a flow whose stored bytes change on the standby is found in six seconds and repaired alone`() throws {
        let world = inSync()
        let before = (count(world, 0, .bucketsSent), count(world, 0, .bucketsConfirmed))
        // A packet would change the flow, and so repair it.
        world.traffic.freeze()
        let slot = try #require(corrupt(world.nodes[1]))
        var found = world.clock.now
        let began = world.clock.now
        while count(world, 1, .divergences) == 0, world.clock.now.since(began) < .seconds(10) {
            world.run(for: .milliseconds(100))
            found = world.clock.now
        }
        #expect(found.since(began) <= .seconds(6), "\(world.account(lines: 40))")
        world.run(for: .seconds(2))
        world.settle()
        world.traffic.freeze()
        let sent = count(world, 0, .bucketsSent) - before.0
        let confirmed = count(world, 0, .bucketsConfirmed) - before.1
        #expect(sent >= 1 && sent < 64 && sent + confirmed == UInt64(DigestTable.bucketCount), "\(sent) \(confirmed)")
        #expect(world.nodes[1].engine?.external.entry(at: slot)?.flow.mark != 0xdead)
        #expect(world.account(lines: 2_000).contains("repairedFlow"))
        world.run(for: .seconds(2))
        #expect(try digest(world, 1).local == digest(world, 1).remote, "\(world.account(lines: 60))")
    }

    private func corrupt(_ node: SimulatedNode) -> UInt32? {
        guard let limit = node.engine?.external.slotLimit else { return nil }
        for slot in 0..<limit {
            guard var flow = node.engine?.external.entry(at: slot)?.flow, flow.status.contains(.assured) else {
                continue
            }
            flow.mark = 0xdead
            node.engine?.external.table.replace(at: slot, by: flow)
            return slot
        }
        return nil
    }

    @Test func `a flow that the standby lost from memory comes back alone`() throws {
        let world = inSync()
        let before = count(world, 0, .bucketsSent)
        let slot = try #require(
            (0..<10_000 as Range<UInt32>).first { world.nodes[1].engine?.external.entry(at: $0) != nil })
        world.nodes[1].engine?.external.remove(at: slot)
        world.run(for: .seconds(6))
        world.settle()
        #expect(count(world, 1, .divergences) >= 1)
        let sent = count(world, 0, .bucketsSent) - before
        #expect(sent >= 1 && sent < 64)
    }

    @Test func `a flow whose stored bytes change on the master is found there, and the kernel's word taken`() throws {
        let world = inSync()
        let limit = world.nodes[0].engine?.log.slotLimit ?? 0
        let slot = try #require(
            (0..<limit).first { world.nodes[0].engine?.log.entry(at: $0)?.flow.status.contains(.assured) == true })
        var stored = try #require(world.nodes[0].engine?.log.entry(at: slot)?.flow)
        stored.mark = 0xdead
        world.nodes[0].engine?.log.table.replace(at: slot, by: stored)
        world.run(for: .seconds(8))
        #expect(count(world, 0, .corruptedBuckets) >= 1)
        world.settle()
        #expect(world.problems.isEmpty, "\(world.account())")
    }

    @Test func `an agent that restarts on the master costs its peer only what differs`() {
        let world = inSync()
        let flows = world.nodes[0].flows(external: false).count
        world.killAgent(0)
        world.startAgent(0, after: .milliseconds(300))
        world.run(for: .seconds(4))
        world.settle()
        // Flows that changed meanwhile, and those that the new log has not heard of yet.
        #expect(flows > 100)
        #expect(count(world, 0, .bucketsConfirmed) > UInt64(DigestTable.bucketCount) * 9 / 10)
        #expect(world.problems.isEmpty, "\(world.account())")
    }

    @Test func `what the standby takes no part in is no difference`() throws {
        let world = inSync()
        // An address that is the standby's own is not the master's.
        var flow = Flow(
            original: Tuple(
                source: Address(ipv4: 0xc0a8_0a0a), destination: Address(ipv4: 0xc633_6401), sourceKey: 4_000,
                destinationKey: 80, family: .ipv4, protocol: .udp),
            reply: Tuple(
                source: Address(ipv4: 0xc633_6401), destination: Address(ipv4: 0xc0a8_0a0a), sourceKey: 80,
                destinationKey: 4_000, family: .ipv4, protocol: .udp), status: [.confirmed, .seenReply])
        world.nodes[1].engine?.take(
            .ownAddresses(world.nodes[1].ownAddresses.union([.init(flow.original.destination, .ipv4)])),
            at: world.clock.now)
        flow.timeout = 500
        world.nodes[0].kernel.track(flow, timeout: 500)
        world.run(for: .seconds(5))
        #expect(count(world, 1, .peerFlowFiltered) >= 1)
        #expect(count(world, 1, .divergences) == 0)
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(2))
        #expect(world.nodes[1].kernel.entry(original: flow.original) == nil)
    }
}
