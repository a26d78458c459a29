import Conntrack
import StateMachine
import Testing

@testable import Simulation

/// The checks see what they are there for.
@Suite struct WatchTests {
    private static func tuple(_ port: UInt16) -> Tuple {
        Tuple(
            source: Address(ipv4: 0xc0a8_0a10), destination: Address(ipv4: 0xc633_6401), sourceKey: port,
            destinationKey: 443, family: .ipv4, protocol: .tcp)
    }

    /// A master and a standby, each with one flow, and what was seen before that.
    private func watched(master before: UInt32?, standby held: UInt32?, gone: UInt32? = nil) -> Watched {
        var watched = Watched(nodes: 2)
        var (first, second) = (Watched.Sight(run: 1, role: "master"), Watched.Sight(run: 1, role: "backup"))
        first.internalMarks[Self.tuple(1)] = before
        second.externalMarks[Self.tuple(1)] = held
        second.gone[Self.tuple(1)] = gone
        watched.turn(to: [first, second], alive: Set([before].compactMap { $0.map(Connection.number) }), at: .origin)
        return watched
    }

    private func verdict(_ watched: Watched, master: UInt32?, standby: UInt32?) -> Watched.Verdict {
        var (first, second) = (Watched.Sight(run: 1, role: "master"), Watched.Sight(run: 1, role: "backup"))
        first.internalMarks[Self.tuple(1)] = master
        second.externalMarks[Self.tuple(1)] = standby
        watched.rememberGone(&second, of: 1)
        return watched.judge(
            second, of: 1, among: [first, second], alive: Set([master].compactMap { $0.map(Connection.number) }))
    }

    @Test func `an older version over a newer one`() {
        let mark = Connection.stamp(3)
        let before = watched(master: mark + 5, standby: mark + 4)
        #expect(verdict(before, master: mark + 5, standby: mark + 3).outdated.count == 1)
        #expect(verdict(before, master: mark + 5, standby: mark + 5).outdated.isEmpty)
        // The master itself knows no better.
        #expect(verdict(before, master: mark + 3, standby: mark + 3).outdated.isEmpty)
    }

    @Test func `a flow that comes back after its delete`() {
        let mark = Connection.stamp(3)
        let before = watched(master: nil, standby: nil, gone: mark + 4)
        #expect(verdict(before, master: nil, standby: mark + 4).returned.count == 1)
        // It lives, or is a newer one of the same tuple.
        #expect(verdict(before, master: mark + 4, standby: mark + 4).returned.isEmpty)
        #expect(verdict(before, master: nil, standby: Connection.stamp(4)).returned.isEmpty)
        #expect(verdict(watched(master: nil, standby: mark), master: nil, standby: mark).returned.isEmpty)
        // What the node announced itself, its former log holds.
        var own = Watched.Sight(run: 1, role: "backup")
        own.externalMarks[Self.tuple(1)] = mark
        own.gone[Self.tuple(1)] = mark
        #expect(before.judge(own, of: 1, among: [nil, own], alive: []).returned.count == 1)
        own.internalMarks[Self.tuple(2)] = mark
        before.remember(&own, of: 1)
        #expect(before.judge(own, of: 1, among: [nil, own], alive: []).returned.isEmpty)
    }

    @Test func `what a standby has dropped is remembered until it is there again`() {
        let mark = Connection.stamp(3)
        let before = watched(master: mark, standby: mark)
        var without = Watched.Sight(run: 1, role: "backup")
        before.rememberGone(&without, of: 1)
        #expect(without.gone == [Self.tuple(1): mark])
        var with = without
        with.externalMarks[Self.tuple(1)] = mark
        before.rememberGone(&with, of: 1)
        #expect(with.gone.isEmpty)
    }

    private func inSync() -> World {
        var setup = World.Setup(seed: 2)
        setup.load.stamps = true
        setup.watchInterval = .milliseconds(100)
        let world = World(setup)
        world.begin()
        world.run(for: .seconds(6))
        #expect(world.problems.isEmpty)
        return world
    }

    @Test func `a master that lost a flow without a word`() {
        let world = inSync()
        // Nobody tells of these entries, and no dump is due.
        world.nodes[0].kernel.isHeard = false
        world.run(for: .seconds(1))
        world.nodes[0].kernel.isHeard = true
        world.run(for: .seconds(4))
        #expect(world.problems.contains { $0.contains("has lost") }, "\(world.account(lines: 20))")
    }

    @Test func `a flow that a backup writes`() {
        let world = inSync()
        world.nodes[1].flowsWritten = 1
        world.judgeTurn(of: world.nodes[1], before: "backup", after: "backup")
        #expect(world.problems.count == 1)
        world.judgeTurn(of: world.nodes[1], before: "backup", after: "taking-over")
        #expect(world.problems.count == 1)
    }

    @Test func `a known trouble is looked away from, and counted`() {
        var setup = World.Setup(seed: 1)
        setup.looksAway = [.staleLocalFlow]
        let world = World(setup)
        world.problem("one", unless: .staleLocalFlow)
        #expect(world.problems.isEmpty && world.knownTroubles[.staleLocalFlow] == 1)
        world.problem("two", unless: .overrunAtDemotion)
        world.problem("three", unless: nil)
        #expect(world.problems.count == 2)
    }
}
