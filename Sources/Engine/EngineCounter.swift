/// What an engine counts; the names appear in `status --json` and `statistics`.
public enum EngineCounter: UInt8, CaseIterable, Sendable {
    // Events of the kernel.
    case eventsNew
    case eventsUpdate
    case eventsDestroy
    /// Echoes of our own writes.
    case eventsOurs
    /// Flows left out, by reason.
    case filteredOwn
    case filteredProtocol
    case filteredAddress
    /// Expectations of helpers that `expect-sync` does not name.
    case filteredHelper
    /// Times that the kernel dropped events.
    case overruns
    /// Destroys held back and then sent, or dropped because an address or the role went.
    case destroysHeld
    case destroysDropped
    // Both caches: created, updated, destroyed.
    case internalCreated
    case internalUpdated
    case internalDestroyed
    case externalCreated
    case externalUpdated
    case externalDestroyed
    /// Expectations: announced by the kernel, gone from it, told by a peer, written by a commit, refused by the kernel.
    case expectationsCreated
    case expectationsDestroyed
    case expectationsReceived
    case expectationsCommitted
    case expectationsRefused
    /// The external cache is at its limit.
    case externalFull
    // Datagrams refused, by reason.
    case datagramTruncated
    case datagramForeign
    case datagramVersion
    case datagramFlags
    case datagramKey
    /// Our own datagram came back, or another node has our name.
    case datagramOwn
    case datagramOldIncarnation
    case datagramJump
    /// What arrived contradicted what the peer says it sent; all of its log was received again.
    case sessionsDeceived
    /// From a node beyond the peers that there can be.
    case datagramBeyondPeers
    // Messages refused, by reason.
    case messageTruncated
    case messageNumber
    case messageFlags
    case messagePlace
    case messageTcpState
    case messageWindowScale
    case messageMaster
    case messageTimeout
    case messageStatus
    case messageName
    case messageSctpState
    case messageDccpState
    case messageForeignState
    case messageKernelName
    case messageLabels
    case messageKey
    case messageFamily
    case messageUnknownKind
    /// Own flows and filtered ones that a peer announced.
    case peerFlowFiltered
    /// Messages that were older than what is held.
    case peerFlowStale
    /// A peer's word on a flow that this master knows better.
    case peerFlowIgnored
    // Copies in the kernel of a hot standby.
    case copiesWritten
    case copiesRefused
    case copiesDeleted
    /// Dropped by the kernel before their flows ended.
    case copiesLost
    // The proof: comparisons, those that were unequal, buckets whose stored bytes had changed by accident, and buckets
    // that bulks left out and sent.
    case digestsCompared
    /// Pauses of a sender so that a comparison could be made, and markers that cover another list of attributes.
    case comparisonPauses
    case markersOfOtherAttributes
    case divergences
    case corruptedBuckets
    case bucketsConfirmed
    case bucketsSent
    // What was asked and sent again.
    /// Datagrams that served several peers at once, and times that traffic moved to another link.
    case sharedDatagrams
    case linkMoves
    case bulksSent
    case bulksReceived
    case repairsSent
    case holesNamed
    /// Flows swept from the external cache at the end of a bulk.
    case flowsSwept
    case flowsRecalled
    case flowsAdopted
    case flowsPurged
    /// GRE entries of a commit that were made anew because packets pass.
    case flowsRenewed
    // Commits: what the kernel refused, by kind.
    case commitExists
    case commitNotFound
    case commitBusy
    case commitUnsupported
    case commitTableFull
    case commitNoSpace
    case commitInvalid
    case commitNotPermitted
    case commitDying
    case commitAgain
    case commitOther
    /// Flows that a commit wrote, and those that it left to a local flow.
    case commitWritten
    case commitKeptLocal
    /// Dumps that the kernel interrupted or refused.
    case dumpsInterrupted
    case dumpsFailed
    case resyncs
}
