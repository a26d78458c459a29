public import Bytes
public import Conntrack
public import Failover
public import StateMachine
internal import SyncProtocol

/// What an engine is told before its first turn.
public struct EngineSettings: Sendable {
    /// The node's name; it decides the sender number.
    public var nodeName: String
    /// This run's number.
    public var incarnation: UInt64
    /// The term that an earlier run stored, 0 if there is none.
    public var storedTerm: UInt64
    /// The sync group or cluster group that is followed.
    public var group: String
    /// The group's VRRP instances, if the configuration tells.
    public var groupMembers: [String]
    /// Whether the first of them that becomes master begins the takeover.
    public var followsFirstMember: Bool
    /// Which flows take part.
    public var filter: FlowFilter
    /// The helpers whose expectations take part.
    public var helpers: HelperSelection
    /// Attributes of a peer's flows that this node does not import.
    public var leftOut: FlowAttributes
    /// Whether a peer's flows are written into this node's kernel as they arrive.
    public var isHot: Bool
    /// A hot standby renews the leases of its copies until no master was heard for so long.
    public var orphanTimeout: Instant.Span
    /// How long stale entries stay in the kernel after a demotion.
    public var purgeTimeout: Instant.Span
    /// What the last run published, if it was master and this run begins where it broke off.
    public var keptReadiness: Readiness.Level?
    /// The share of a commit, in 1/10,000, that the kernel may refuse before it counts as failed.
    public var commitTolerance: Int
    /// Whether a bulk is asked for at the start.
    public var startupResync: Bool
    /// Entries of the external cache at most.
    public var externalLimit: Int
    /// Peers at most; further nodes are refused while these are heard.
    public var peerLimit: Int
    /// The versions of the wire that this node speaks.
    public var wireVersions: ClosedRange<UInt8>
    /// Chance for the tables' hashes.
    public var hashKey: SipHash.Key
    /// Chance for the digests; the peer is told.
    public var digestKey: SipHash.Key

    /// Makes settings with the defaults of the configuration.
    public init(
        nodeName: String, incarnation: UInt64, group: String, hashKey: SipHash.Key, digestKey: SipHash.Key
    ) {
        self.digestKey = digestKey
        self.nodeName = nodeName
        self.incarnation = incarnation
        self.storedTerm = 0
        self.group = group
        self.groupMembers = []
        self.followsFirstMember = false
        self.filter = FlowFilter()
        self.helpers = .all
        self.leftOut = []
        self.isHot = false
        self.orphanTimeout = .seconds(600)
        self.purgeTimeout = .seconds(60)
        self.keptReadiness = nil
        self.commitTolerance = 100
        self.startupResync = true
        self.externalLimit = 4_194_304
        self.peerLimit = 7
        self.wireVersions = DatagramHeader.spokenVersions
        self.hashKey = hashKey
    }

    /// The number by which peers know this node.
    public var sender: UInt32 {
        // The key is nothing secret: every node must come to the same number.
        var hash = SipHash(SipHash.Key(0x6374_7379_6e63_2d68, 0x612d_6e6f_6465_2d31))
        for unit in nodeName.utf8 { hash.combine(UInt64(unit)) }
        return UInt32(truncatingIfNeeded: hash.finish())
    }
}
