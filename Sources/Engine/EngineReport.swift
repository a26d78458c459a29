public import Conntrack
public import Failover
public import StateMachine

/// What an engine can say of itself at one moment; taken on request, for `status`, `statistics` and the metrics.
public struct EngineReport: Sendable {
    /// A link to a peer.
    public struct Link: Sendable {
        /// Nil if the peer was never heard over it.
        public var lastHeard: Instant?
        /// Whether the peer hears this node over it; nil until it has said so.
        public var isHeardThere: Bool?
        public var isUsable: Bool
        /// Of 1,000 datagrams of the peer, how many were lost of late; nil before there were enough.
        public var lossPerMille: UInt64?
    }

    /// A peer as this node knows it.
    public struct Peer: Sendable {
        public var name: String
        /// Where it is, on the link in use.
        public var source: UInt64
        /// The link in use, and all of them.
        public var link: Int
        public var links: [Link]
        public var role: String
        public var term: UInt64
        /// This node follows it as a standby, or did last.
        public var isLeader: Bool
        /// Whether this node holds what the peer sent.
        public var isComplete: Bool
        /// Whether this node has held all of the peer's flows at least once, and follows it since.
        public var isFollowing: Bool
        /// Versions that the peer has sent and this node does not hold.
        public var missing: UInt64
        /// Whether the peer has said that it holds what this node sent.
        public var isAcknowledged: Bool
        /// Versions sent and not acknowledged.
        public var unacknowledged: UInt64
        public var lastHeard: Instant
        public var isSilent: Bool
        /// It said farewell.
        public var hasLeft: Bool
        /// Whether it says that it holds what the last master held, as master, or that it follows such a master.
        public var saysInSync: Bool
        /// The wire versions that it speaks; nil until it has said so.
        public var lowestVersion: UInt8?
        public var highestVersion: UInt8?
        /// What it told of its kernel, and when.
        public var facts: NodeFacts?
        public var factsAt: Instant
        public var lostDatagrams: UInt64
        /// The last comparison of digests.
        public var digest: (local: UInt64, remote: UInt64, version: UInt64, equalAt: Instant?)?
    }

    public var role: String
    public var since: Instant
    public var source: RoleSource
    public var roleKnown: Bool
    public var term: UInt64
    public var readiness: Readiness.Level
    public var disagreement: RoleDisagreement?
    public var twoMasters: TwoMasters?
    public var inSync: Bool
    public var announcesInSync: Bool
    /// The wire versions that this node speaks.
    public var wireVersions: ClosedRange<UInt8>
    /// The peers, in the order in which they appeared.
    public var peers: [Peer]
    public var internalFlows: Int
    public var externalFlows: Int
    /// The external cache takes no further flow.
    public var externalIsFull: Bool
    public var internalExpectations: Int
    public var externalExpectations: Int
    public var formerFlows: Int
    /// Flows of both caches that no other kernel can go on with: calls of PPTP.
    public var boundFlows: Int
    /// Flows of the last commit that the kernel took without some attribute, by attribute.
    public var shortfall: CounterTable<FlowAttribute>
    /// Destroyed flows that the log keeps until the peer knows.
    public var tombstones: Int
    /// Whether a standby keeps copies in its kernel, how many, and how many flows the kernel refused at the last try.
    public var isHot: Bool
    public var copies: Int
    public var refusedCopies: Int
    public var kernelEntries: Int?
    public var kernelLimit: Int?
    public var commit: (written: Int, failed: Int)?
    public var isDumping: Bool
    /// An unsynced master is getting the flows back that its peer holds: what forwards meanwhile would begin anew.
    public var isRecalling: Bool
    public var lastTakeover: (result: TakeoverResult, at: Instant)?
    public var counters: CounterTable<EngineCounter>
}

/// One flow of a listing.
public struct ListedFlow: Sendable {
    public var slot: UInt32
    public var flow: Flow

    /// Makes a line of a listing.
    public init(slot: UInt32, flow: Flow) {
        self.slot = slot
        self.flow = flow
    }
}
