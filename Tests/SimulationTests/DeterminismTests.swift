import Simulation
import Testing

/// The same seed is the same run: without that a failing seed would prove nothing.
@Suite struct DeterminismTests {
    private func fingerprint(_ setup: World.Setup) -> UInt64 {
        let world = World(setup)
        world.runByChance()
        return world.fingerprint
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `the same seed gives the same transcript`(seed: UInt64) {
        #expect(fingerprint(.init(seed: seed)) == fingerprint(.init(seed: seed)))
        #expect(fingerprint(.drawn(seed: seed)) == fingerprint(.drawn(seed: seed)))
    }

    /// Whatever an engine makes of more than one peer.
    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func `so it does with more nodes and links`(seed: UInt64) {
        let setup = World.Setup.drawn(seed: seed, nodes: 3...5, links: 2...3)
        #expect(fingerprint(setup) == fingerprint(setup))
    }

    @Test func `another seed gives another transcript`() {
        #expect(Set((1...4).map { fingerprint(.init(seed: $0)) }).count == 4)
    }
}
