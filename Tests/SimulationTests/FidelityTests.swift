import Conntrack
import Engine
import Failover
import StateMachine
import Testing

@testable import Simulation

/// What a takeover makes of flows that are more than two tuples.
@Suite struct FidelityTests {
    private static func tuple(
        _ host: UInt32, _ port: UInt16, to remotePort: UInt16, _ number: ProtocolNumber = .tcp
    ) -> Tuple {
        Tuple(
            source: Address(ipv4: 0xc0a8_0a00 + host), destination: Address(ipv4: 0xcb00_710a), sourceKey: port,
            destinationKey: remotePort, family: .ipv4, protocol: number)
    }

    private static func flow(
        _ original: Tuple, helper: String? = nil, labels: UInt64 = 0, status: FlowStatus = []
    ) -> Flow {
        var extensions = FlowExtensions()
        extensions.helper = helper.flatMap { KernelName($0) } ?? .none
        extensions.labels.low = labels
        let tcp = TCPInfo(
            state: .established, originalScale: 7, replyScale: 9, originalFlags: .windowScale, replyFlags: .windowScale)
        return Flow(
            original: original, reply: original.inverted,
            status: status.union([.confirmed, .seenReply, .assured]),
            state: original.protocol == .tcp ? .tcp(tcp) : .none, extensions: extensions)
    }

    private static func expectation(of master: Flow, port: UInt16) -> Conntrack.Expectation {
        var tuple = master.reply
        tuple.sourceKey = 0
        tuple.destinationKey = port
        return Conntrack.Expectation(
            key: ExpectationKey(tuple: tuple, sourceMask: Address(ipv4: .max), sourceKeyMask: 0),
            master: master.original, timeout: 300, helper: master.extensions.helper,
            translation: .init(isReply: true, address: master.original.source, key: port),
            function: KernelName("nat-follow-master") ?? .none)
    }

    /// A pair in sync that carries nothing but what the test puts into the first node's kernel.
    private func quietPair(_ change: (inout World.Setup) -> Void = { _ in }) -> World {
        var setup = World.Setup(seed: 7)
        setup.load.opening = nil
        change(&setup)
        let world = World(setup)
        world.begin()
        world.traffic.stopOpening()
        world.run(for: .seconds(10))
        world.settle()
        return world
    }

    private func report(_ world: World, _ node: Int) throws -> EngineReport {
        try #require(world.nodes[node].report(at: world.clock.now))
    }

    // MARK: Expectations

    @Test func `what a helper expects is expected by the next master`() throws {
        let world = quietPair()
        let control = Self.flow(Self.tuple(10, 40_000, to: 21), helper: "ftp")
        world.nodes[0].kernel.track(control, timeout: 400)
        let expected = Self.expectation(of: control, port: 50_001)
        world.nodes[0].kernel.expect(expected)
        world.nodes[0].kernel.expect(Self.expectation(of: control, port: 50_002))
        world.run(for: .seconds(1))
        #expect(try report(world, 0).internalExpectations == 2)
        #expect(try report(world, 1).externalExpectations == 2)
        // One of the transfers came before the failover.
        world.nodes[0].kernel.withdraw(Self.expectation(of: control, port: 50_002).key)
        world.run(for: .seconds(1))
        #expect(try report(world, 1).externalExpectations == 1)
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(5))
        #expect(world.nodes[1].kernel.expectations == [expected])
        #expect(try report(world, 1).internalExpectations == 1)
        #expect(try report(world, 1).externalExpectations == 0)
        // What the new master's kernel uses up leaves its successor too.
        world.settle()
        #expect(try report(world, 0).externalExpectations == 1)
        world.nodes[1].kernel.withdraw(expected.key)
        world.run(for: .seconds(1))
        #expect(try report(world, 0).externalExpectations == 0)
        #expect(world.problems.isEmpty, "\(world.account())")
    }

    @Test func `a bulk carries expectations, and a dump finds those that went unheard`() throws {
        let world = quietPair()
        let control = Self.flow(Self.tuple(10, 40_000, to: 21), helper: "ftp")
        world.nodes[0].kernel.track(control, timeout: 400)
        world.nodes[0].kernel.expect(Self.expectation(of: control, port: 50_001))
        world.nodes[0].kernel.loseEvents()
        world.run(for: .seconds(3))
        #expect(try report(world, 0).internalExpectations == 1)
        world.killAgent(1)
        world.startAgent(1, after: .milliseconds(300))
        world.run(for: .seconds(4))
        #expect(try report(world, 1).externalExpectations == 1)
        world.nodes[0].kernel.withdraw(Self.expectation(of: control, port: 50_001).key)
        world.nodes[0].kernel.loseEvents()
        world.run(for: .seconds(3))
        #expect(try report(world, 0).internalExpectations == 0)
        #expect(try report(world, 1).externalExpectations == 0)
    }

    @Test func `what a helper shifts in silence is known to the standby, soon with an expectation, else in a second`()
        throws
    {
        let world = quietPair()
        let control = Self.flow(Self.tuple(10, 40_000, to: 21), helper: "ftp")
        func shift() -> Int32? {
            world.nodes[1].flows(external: true)[control.original]?.extensions.sequence.original.after
        }
        world.nodes[0].kernel.track(control, timeout: 400)
        world.run(for: .seconds(3))
        world.nodes[0].kernel.expect(Self.expectation(of: control, port: 50_001))
        world.nodes[0].kernel.shift(control.original, by: -2)
        world.run(for: .milliseconds(200))
        #expect(shift() == -2)
        world.nodes[0].kernel.shift(control.original, by: 5)
        world.run(for: .milliseconds(2_200))
        #expect(shift() == 3)
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(3))
        #expect(world.nodes[1].kernelFlows[control.original]?.extensions.sequence.original.after == 3)
    }

    // MARK: What the kernel does not take

    @Test func `a full table refuses by name, and what fits is there`() throws {
        let world = quietPair { $0.tableLimit = 60 }
        for port in UInt16(0)..<50 {
            world.nodes[0].kernel.track(Self.flow(Self.tuple(10, 40_000 + port, to: 80)), timeout: 400)
        }
        for port in UInt16(0)..<40 {
            world.nodes[1].kernel.track(Self.flow(Self.tuple(99, 40_000 + port, to: 80)), timeout: 9)
        }
        world.run(for: .seconds(2))
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(3))
        let first = try report(world, 1)
        #expect(first.role == "master")
        #expect(first.counters[.commitTableFull] > 0)
        #expect(first.lastTakeover?.result.succeeded == false)
        // The local flows have expired: the retry, or an operator, finds room.
        world.run(for: .seconds(30))
        world.nodes[1].engine?.take(.commit(id: 1), at: world.clock.now)
        world.run(for: .seconds(3))
        let taken = world.nodes[1].kernelFlows.keys.filter { $0.source == Address(ipv4: 0xc0a8_0a0a) }
        #expect(taken.count == 50)
    }

    @Test func `one chain that is too long costs one flow, and its name is told`() throws {
        let world = quietPair()
        let crowded = Self.tuple(10, 40_003, to: 80)
        for port in UInt16(0)..<300 {
            world.nodes[0].kernel.track(Self.flow(Self.tuple(10, 40_000 + port, to: 80)), timeout: 400)
        }
        world.nodes[1].kernel.crowdedTuples = [crowded]
        world.run(for: .seconds(2))
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(3))
        #expect(world.nodes[1].kernelFlows.count == 299)
        #expect(try report(world, 1).counters[.commitNoSpace] >= 1)
        #expect(world.account().contains("is refused \(Self.flow(crowded).text)"))
        world.nodes[1].kernel.crowdedTuples = []
        world.nodes[1].engine?.take(.commit(id: 1), at: world.clock.now)
        world.run(for: .seconds(3))
        #expect(world.nodes[1].kernelFlows.count == 300)
    }

    @Test func `a flow whose helper is not here goes on without it, and that is told`() throws {
        let world = quietPair()
        let control = Self.flow(Self.tuple(10, 40_000, to: 21), helper: "ftp")
        world.nodes[0].kernel.track(control, timeout: 400)
        world.nodes[1].kernel.missingHelpers = [control.extensions.helper]
        world.run(for: .seconds(2))
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(3))
        #expect(world.nodes[1].kernelFlows[control.original]?.extensions.helper == KernelName.none)
        #expect(try report(world, 1).shortfall[.helper] == 1)
        #expect(try report(world, 1).lastTakeover?.result.tally.failed == 0)
        // An address that went has the master look what is lost; the takeover's shortfall stays true.
        world.nodes[1].engine?.take(.networkWent, at: world.clock.now)
        world.run(for: .seconds(3))
        #expect(try report(world, 1).shortfall[.helper] == 1)
    }

    @Test func `labels that no rule gives here are dropped in silence by the kernel, and told by the agent`() throws {
        let world = quietPair()
        let labelled = Self.flow(Self.tuple(10, 40_000, to: 80), labels: 0b101)
        world.nodes[0].kernel.track(labelled, timeout: 400)
        world.nodes[1].kernel.keepsLabels = false
        world.run(for: .seconds(2))
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(3))
        #expect(try report(world, 1).shortfall[.labels] == 1)
        #expect(world.nodes[1].flows(external: false)[labelled.original]?.extensions.labels.isEmpty == true)
    }

    @Test func `a child whose master has ended goes on without it`() throws {
        let world = quietPair()
        let control = Self.flow(Self.tuple(10, 40_000, to: 21), helper: "ftp")
        var data = Self.flow(Self.tuple(10, 40_001, to: 20))
        data.master = control.original
        data.status.insert(.expected)
        world.nodes[0].kernel.track(control, timeout: 400)
        world.nodes[0].kernel.track(data, timeout: 400)
        world.run(for: .seconds(1))
        world.nodes[0].kernel.forget(control.original)
        world.nodes[0].engine?.take(.resyncKernel(id: 1), at: world.clock.now)
        world.run(for: .seconds(2))
        #expect(Array(world.nodes[1].flows(external: true).keys) == [data.original])
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(3))
        let taken = try #require(world.nodes[1].kernelFlows[data.original])
        #expect(taken.master == nil)
        #expect(try report(world, 1).shortfall[.master] == 1)
    }

    @Test func `what is left out by configuration is not imported`() throws {
        let world = quietPair { $0.leftOut = [.labels, .mark] }
        var labelled = Self.flow(Self.tuple(10, 40_000, to: 80), labels: 0b101)
        labelled.mark = 7
        world.nodes[0].kernel.track(labelled, timeout: 400)
        world.run(for: .seconds(2))
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(3))
        let taken = try #require(world.nodes[1].kernelFlows[labelled.original])
        #expect(taken.mark == 0 && taken.extensions.labels.isEmpty)
        #expect(try report(world, 1).shortfall.total == 0)
    }

    // MARK: Timeouts

    @Test func `a GRE tunnel lives as long as it talks, and not much longer`() throws {
        let world = quietPair()
        let tunnel = Self.flow(Self.tuple(10, 0, to: 0, .gre))
        world.nodes[0].kernel.track(tunnel, timeout: 180)
        world.run(for: .seconds(2))
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(2))
        let kernel = world.nodes[1].kernel
        var packet = SimulatedKernel.Packet(flow: tunnel, isFirst: false, position: 0, sourceNAT: nil)
        packet.flow.status = tunnel.status
        // Pauses that the kernel itself would forgive.
        for pause in [10, 170, 30, 175, 100, 179, 5, 5, 160] as [UInt64] {
            world.run(for: .seconds(pause))
            #expect(kernel.entry(original: tunnel.original) != nil, "before the packet after \(pause) s")
            _ = kernel.carry(packet)
        }
        #expect(world.nodes[1].flows(external: false)[tunnel.original]?.status.contains(.assured) == true)
        #expect(try report(world, 1).counters[.flowsRenewed] > 5)
        world.run(for: .seconds(362))
        #expect(kernel.entry(original: tunnel.original) == nil)
        #expect(world.nodes[1].flows(external: false)[tunnel.original] == nil)
    }

    @Test func `an agent that starts on a master goes on with the tunnels of its predecessor`() {
        let world = quietPair()
        let tunnel = Self.flow(Self.tuple(10, 0, to: 0, .gre))
        world.nodes[0].kernel.track(tunnel, timeout: 180)
        world.run(for: .seconds(2))
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(2))
        world.killAgent(1)
        world.startAgent(1, after: .seconds(1))
        let packet = SimulatedKernel.Packet(flow: tunnel, isFirst: false, position: 0, sourceNAT: nil)
        for _ in 0..<40 {
            world.run(for: .seconds(20))
            _ = world.nodes[1].kernel.carry(packet)
        }
        #expect(world.nodes[1].kernel.entry(original: tunnel.original) != nil)
    }

    @Test func `what the kernel no longer has leaves both caches, though no event said so`() {
        let world = quietPair()
        let silent = Self.flow(Self.tuple(10, 40_000, to: 80))
        world.nodes[0].kernel.track(silent, timeout: 100_000)
        world.nodes[0].kernel.track(Self.flow(Self.tuple(10, 40_001, to: 80)), timeout: 100_000)
        world.run(for: .seconds(2))
        #expect(world.nodes[1].flows(external: true).count == 2)
        world.nodes[0].kernel.forget(silent.original)
        world.run(for: .seconds(125))
        #expect(world.nodes[0].flows(external: false).count == 1)
        #expect(world.nodes[1].flows(external: true).count == 1)
    }

    @Test func `time that a refresh gave in silence arrives with the dump in the background`() throws {
        let world = quietPair()
        let patient = Self.flow(Self.tuple(10, 40_000, to: 53, .udp))
        world.nodes[0].kernel.track(patient, timeout: 30)
        world.run(for: .seconds(2))
        // A rule gave this flow a timeout of an hour; a mere refresh makes no event.
        world.nodes[0].kernel.setTimeout(patient.original, 3_600)
        world.run(for: .seconds(125))
        let there = try #require(world.nodes[0].kernel.entry(original: patient.original)).expires
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(2))
        let entry = try #require(world.nodes[1].kernel.entry(original: patient.original))
        let left = entry.expires.since(world.clock.now)
        #expect(left >= there.since(world.clock.now))
        #expect(left < .seconds(2 * 3_600))
    }

    @Test func `what expires on a standby expires there alone`() {
        let world = quietPair()
        let flow = Self.flow(Self.tuple(10, 40_000, to: 53, .udp))
        world.nodes[0].kernel.track(flow, timeout: 400)
        world.run(for: .seconds(2))
        world.give(to: 1, words: .prompt)
        world.run(for: .seconds(2))
        // The old master keeps the entry until its purge; it ends there first.
        world.nodes[0].kernel.setTimeout(flow.original, 1)
        world.nodes[1].kernel.setTimeout(flow.original, 400)
        world.run(for: .seconds(20))
        #expect(world.nodes[0].kernel.entry(original: flow.original) == nil)
        #expect(world.nodes[1].kernel.entry(original: flow.original) != nil)
        #expect(world.nodes[1].flows(external: false)[flow.original] != nil)
        #expect(world.nodes[0].flows(external: true)[flow.original] != nil)
    }
}
