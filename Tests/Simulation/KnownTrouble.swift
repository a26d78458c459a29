/// What chance finds again and again and nobody has mended yet: the checks look away where they meet it.
///
/// Those that chance meets often have a skipped test with a seed, in which the checks do not look away. Whoever mends
/// one takes its case out.
public enum KnownTrouble: UInt8, CaseIterable, Sendable {
    /// The kernel drops the events of flows that go with the addresses; the dump that follows finds them missing
    /// before the word of the demotion has come, and their deletes travel to the next master.
    case overrunAtDemotion
    /// An entry that a standby's own packets made in an earlier life, or that its agent found at its start, is no
    /// copy and is never purged. Where it stands in the way of a flow that the master announced, that flow is
    /// refused, or is given the old translation.
    case staleLocalFlow
    /// A node that was demoted while it still held the addresses, and is promoted again, replaces flows that its
    /// kernel carried all the time by older copies.
    case copyOverLiveFlow
    /// An agent stands still while its node gets the addresses, and does not know on waking that packets have
    /// passed: it removes and replaces flows that its kernel carries.
    case sleptThroughPromotion
    /// A few refused flows are no failure of a commit (`commit-tolerance`), so nobody tries to write them again.
    case refusedWithinTolerance
    /// A master whose kernel refuses flows for a while takes them for gone: those that went with its addresses and
    /// could not be restored are destroyed by the next dump, and those that wait for another try are swept from its
    /// peers by the bulk behind a recall.
    case refusedElsewhere
}
