public import StateMachine

/// What the role state machine asks for.
///
/// `Engine` interprets each case; the machine performs none.
public enum RoleAction: Equatable, Sendable {
    /// Rebuild the internal cache from a kernel dump.
    case resyncInternal
    /// Say hello to all peers.
    case hello
    /// Ask the master for a bulk.
    case requestBulk
    /// Put this term into every datagram from now on, and store it.
    case takeTerm(UInt64)
    /// Write the external cache into the kernel: masters before children, then expectations; established before
    /// closing. Before it starts, listen to every event group again. Answered by `commitFinished` or `commitFailed`.
    case commit(generation: UInt64)
    /// Commit once more what the kernel refused and may take now. Answered like `commit`.
    case retryCommit(generation: UInt64)
    /// End the commit of this generation, and the background work that follows it, between two batches.
    /// Nothing to do if it has ended by itself.
    case cancelCommit(generation: UInt64)
    /// Tell the peers that this node is master, and whether it holds what the last master held.
    case announceMaster(inSync: Bool)
    /// Ask the peers for the flows they hold and adopt what is missing here. Answered by `recallFinished`.
    case recall
    /// Send the whole internal cache.
    case bulk
    /// Publish how the takeover went.
    case publishResult(TakeoverResult)
    /// Give the flows that still hold the parked timeout their timeout back, in the background.
    case restoreTimeouts(generation: UInt64)
    /// Make the TCP entries of the kernel anew, in the background: another node carried flows beside this mastership.
    case renewWindows
    /// Clear the liberal windows of the flows that the commit created, in the background.
    case restoreStrictWindows(generation: UInt64)
    /// Send what the peers have not been sent.
    case sendUnsent
    /// Ask the new master for a resync.
    case requestResync
    /// Arm the purge, for the external cache of a master whose term is higher than this one.
    case armPurge(ownTerm: UInt64)
    /// Disarm the purge.
    case cancelPurge
    /// Tell readiness the role reached.
    case setReadiness(Role)
    /// Compare the role with every source of truth: a notification came that changes nothing.
    case checkTruth
    /// Report two masters, everywhere.
    case reportTwoMasters(TwoMasters)
    /// Report that there is one master again, or none.
    case reportTwoMastersEnded
    /// Count and report a term too far ahead to be believed.
    case reportImplausibleTerm(peer: UInt64, term: UInt64)
}

/// How many flows a commit wrote, and how many the kernel refused.
public struct CommitTally: Equatable, Sendable {
    /// Flows and expectations written.
    public var flows: Int
    /// Flows and expectations that the kernel refused.
    public var failed: Int

    /// Makes a tally.
    public init(flows: Int, failed: Int) {
        self.flows = flows
        self.failed = failed
    }
}

/// How a takeover, or a retry of its commit, went.
public struct TakeoverResult: Equatable, Sendable {
    /// Whether the commit finished within its tolerance.
    public var succeeded: Bool
    /// What was written and refused.
    public var tally: CommitTally
    /// From the promotion to the end of the commit.
    public var duration: Instant.Span
    /// Whether this node was in sync when it was promoted.
    public var inSync: Bool
    /// How many retries went before; 0 for the takeover itself.
    public var tries: Int
}

/// Two nodes that both claim to be master.
public struct TwoMasters: Equatable, Sendable {
    /// When the second claim was heard.
    public let since: Instant
    /// The sender number of the peer with the highest term among those that claim to be master.
    public let peer: UInt64
    /// That peer's term.
    public let peerTerm: UInt64
    /// Whether this node is one of the two.
    public let includesThisNode: Bool
    /// Whether it lasted long enough to be reported: a handover makes two masters for a moment.
    public internal(set) var isReported: Bool
}
