import Simulation
import Testing

/// Runs that chance writes.
///
/// A failing run prints its seed and what led to it.
///
/// `CTSYNC_SEEDS=1000-1999 swift test -c release -Xswiftc -enable-testing --filter ChanceTests` runs others.
@Suite struct ChanceTests {
    /// Seeds that once failed: flows announced while a commit ran (1073), and the role and sync of a datagram that was
    /// overtaken (1081, 1200).
    static let kept: [UInt64] = [1073, 1081, 1200]

    @Test(arguments: Array(Seeds.chosen ?? 1...40) + kept)
    func `whatever happens, both nodes hold the same afterwards, and no live flow is harmed`(
        seed: UInt64
    ) {
        let world = World(.init(seed: seed))
        world.runByChance()
        #expect(world.problems.isEmpty, "\(world.account())")
    }

    /// A known failure: an agent stands still for seconds, is promoted meanwhile, and finds on waking that a tuple was
    /// used again under another translation.
    @Test(
        .disabled("an agent that stood still through its promotion may commit over a younger flow"),
        arguments: [1329] as [UInt64])
    func `an agent that stood still through its promotion harms no flow`(seed: UInt64) {
        let world = World(.init(seed: seed))
        world.runByChance()
        #expect(world.problems.isEmpty, "\(world.account())")
    }
}
