/// How a node stands, as `status` shows it.
///
/// The JSON keys are stable: `schema` grows when one changes its meaning. What is unknown is nil here and null there.
public struct StatusReport: Equatable, Sendable {
    /// The version of the JSON keys.
    public static let schema: UInt32 = 1

    /// The one word to look at.
    public enum Verdict: String, Sendable, CaseIterable {
        case ok
        case warning
        case critical
    }

    /// Why the verdict is not ok, and what helps.
    public struct Reason: Hashable, Sendable {
        public var what: String
        public var remedy: String

        /// Makes a reason.
        public init(_ what: String, remedy: String) {
            self.what = what
            self.remedy = remedy
        }
    }

    /// What a backup does with replicated flows.
    public enum Standby: String, Sendable, CaseIterable {
        case hot
        case cold
    }

    /// A state of the role state machine.
    public enum Role: String, Sendable, CaseIterable {
        case starting
        case backup
        case takingOver = "taking-over"
        case master
        case fault
    }

    /// Who said so.
    public enum Source: String, Sendable, CaseIterable {
        case fifo
        case notify
        case address
        case json
        case pacemaker
        case manual
        case none
    }

    /// Whether this node may be promoted without losing flows, in rising order.
    public enum Readiness: String, Sendable, CaseIterable {
        case neverSynced = "never-synced"
        case resyncing
        case inSync = "in-sync"
        case master
    }

    /// One sync group or cluster group.
    public struct Group: Hashable, Sendable {
        public var name: String
        public var role: Role
        public var since: WallTime?
        public var source: Source
        public var term: UInt64?
        public var readiness: Readiness?

        /// Makes a group.
        public init(
            name: String, role: Role, since: WallTime? = nil, source: Source = .none, term: UInt64? = nil,
            readiness: Readiness? = nil
        ) {
            self.name = name
            self.role = role
            self.since = since
            self.source = source
            self.term = term
            self.readiness = readiness
        }
    }

    /// What a peer says of one of its groups.
    public struct PeerRole: Hashable, Sendable {
        public var group: String
        public var role: Role

        /// Makes a peer's role.
        public init(group: String, role: Role) {
            self.group = group
            self.role = role
        }
    }

    /// The proof that two nodes hold the same flows.
    public struct Digest: Hashable, Sendable {
        public var local: UInt64?
        public var remote: UInt64?
        /// The version of the change log at which the two were compared.
        public var version: UInt64?
        public var equalAt: WallTime?

        /// Makes a proof; without arguments nothing was compared yet.
        public init(
            local: UInt64? = nil, remote: UInt64? = nil, version: UInt64? = nil, equalAt: WallTime? = nil
        ) {
            self.local = local
            self.remote = remote
            self.version = version
            self.equalAt = equalAt
        }
    }

    /// One other node.
    public struct Peer: Hashable, Sendable {
        public var name: String?
        public var address: String
        /// The link in use to it.
        public var link: String?
        public var roles: [PeerRole]
        public var inSync: Bool?
        public var digest: Digest
        public var lagMilliseconds: UInt64?
        /// Versions of the change log that the peer did not confirm yet.
        public var unacknowledged: UInt64?
        public var lastHeardMilliseconds: UInt64?

        /// Makes a peer.
        public init(
            name: String?, address: String, link: String? = nil, roles: [PeerRole] = [], inSync: Bool? = nil,
            digest: Digest = Digest(),
            lagMilliseconds: UInt64? = nil, unacknowledged: UInt64? = nil, lastHeardMilliseconds: UInt64? = nil
        ) {
            self.name = name
            self.address = address
            self.link = link
            self.roles = roles
            self.inSync = inSync
            self.digest = digest
            self.lagMilliseconds = lagMilliseconds
            self.unacknowledged = unacknowledged
            self.lastHeardMilliseconds = lastHeardMilliseconds
        }
    }

    /// One link to the other nodes.
    public struct Link: Hashable, Sendable {
        /// Name of the network interface.
        public var name: String
        public var mode: StatisticsReport.LinkMode
        /// Whether it could be opened.
        public var there: Bool
        /// Whether its interface is up and its medium works.
        public var carrier: Bool
        /// Whether it is the one in use.
        public var active: Bool
        /// What keeps it from being of use; nil if nothing does.
        public var obstacle: String?

        /// Makes a link that is well.
        public init(
            name: String, mode: StatisticsReport.LinkMode = .unicast, there: Bool = true, carrier: Bool = true,
            active: Bool = false, obstacle: String? = nil
        ) {
            self.name = name
            self.mode = mode
            self.there = there
            self.carrier = carrier
            self.active = active
            self.obstacle = obstacle
        }
    }

    /// What a cache holds.
    public struct Cache: Hashable, Sendable {
        public var flows: UInt64
        public var expectations: UInt64?

        /// Makes a cache's figures.
        public init(flows: UInt64, expectations: UInt64? = nil) {
            self.flows = flows
            self.expectations = expectations
        }
    }

    /// The kernel's table.
    public struct Kernel: Hashable, Sendable {
        public var entries: UInt64?
        /// The sysctl `nf_conntrack_max`.
        public var limit: UInt64?

        /// Makes the table's figures.
        public init(entries: UInt64? = nil, limit: UInt64? = nil) {
            self.entries = entries
            self.limit = limit
        }
    }

    /// What keeps forwarded packets out of a cold standby until its commit is done.
    public struct Hold: Hashable, Sendable {
        /// What it does.
        public enum State: String, Sendable, CaseIterable {
            /// It is not wanted, or the standby is hot.
            case off
            /// The kernel refused it.
            case unavailable
            /// Everything passes, as beside a master.
            case open
            /// Everything passes and is counted: it closes when nothing comes.
            case watching
            /// What would begin a flow is dropped.
            case closed
        }

        public var state: State
        /// Packets dropped since the agent began.
        public var held: UInt64

        /// Makes a hold.
        public init(state: State = .off, held: UInt64 = 0) {
            self.state = state
            self.held = held
        }
    }

    /// How the last takeover went.
    public struct Takeover: Hashable, Sendable {
        public var at: WallTime
        public var flows: UInt64
        public var failed: UInt64
        /// From the promotion to the end of the commit.
        public var nanoseconds: UInt64
        /// Why this node took over.
        public var reason: String

        /// Makes a takeover.
        public init(at: WallTime, flows: UInt64, failed: UInt64, nanoseconds: UInt64, reason: String) {
            self.at = at
            self.flows = flows
            self.failed = failed
            self.nanoseconds = nanoseconds
            self.reason = reason
        }
    }

    public var node: String
    public var verdict: Verdict
    public var reasons: [Reason]
    public var standby: Standby
    public var groups: [Group]
    public var peers: [Peer]
    public var links: [Link]
    public var internalCache: Cache
    public var externalCache: Cache
    public var kernel: Kernel
    public var hold: Hold
    public var lastTakeover: Takeover?
    public var counters: [NamedCount]

    /// Makes a report.
    public init(
        node: String, verdict: Verdict, reasons: [Reason] = [], standby: Standby, groups: [Group], peers: [Peer] = [],
        links: [Link] = [], internalCache: Cache, externalCache: Cache, kernel: Kernel = Kernel(),
        hold: Hold = Hold(), lastTakeover: Takeover? = nil, counters: [NamedCount] = []
    ) {
        self.node = node
        self.verdict = verdict
        self.reasons = reasons
        self.standby = standby
        self.groups = groups
        self.peers = peers
        self.links = links
        self.internalCache = internalCache
        self.externalCache = externalCache
        self.kernel = kernel
        self.hold = hold
        self.lastTakeover = lastTakeover
        self.counters = counters
    }
}

/// A counter and its name in snake_case, unique in its report.
public struct NamedCount: Hashable, Sendable {
    public var name: String
    public var value: UInt64

    /// Makes a counter.
    public init(_ name: String, _ value: UInt64) {
        self.name = name
        self.value = value
    }
}
