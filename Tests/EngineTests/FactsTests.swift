import Conntrack
import Engine
import StateMachine
import Testing

@testable import Simulation

/// What engines tell each other of their kernels.
@Suite struct FactsTests {
    private func facts(entries: UInt32, isLoose: Bool = false) -> NodeFacts {
        var facts = NodeFacts()
        facts.entries = entries
        facts.isLoose = isLoose
        return facts
    }

    @Test func `facts reach the peer with the greeting, what is new at once`() throws {
        let world = World(World.Setup(seed: 5))
        world.begin()
        world.run(for: .seconds(8))
        func told() throws -> NodeFacts? { try #require(world.nodes[1].report(at: world.clock.now)).peers.first?.facts }
        func take(_ facts: NodeFacts) { world.nodes[0].engine?.take(.facts(facts), at: world.clock.now) }
        #expect(try told() == nil)

        take(facts(entries: 1))
        world.run(for: .seconds(2))
        #expect(try told() == facts(entries: 1))
        take(facts(entries: 2))
        world.run(for: .seconds(6))
        #expect(try told() == facts(entries: 2), "an entry more comes with the next greeting")
        take(facts(entries: 2, isLoose: true))
        world.run(for: .milliseconds(1_200))
        #expect(try told() == facts(entries: 2, isLoose: true))
        let peer = try #require(world.nodes[1].report(at: world.clock.now)?.peers.first)
        #expect(world.clock.now.since(peer.factsAt) < .seconds(6))
        #expect(peer.lowestVersion == 1 && peer.highestVersion == 1 && !peer.hasLeft)
    }
}
