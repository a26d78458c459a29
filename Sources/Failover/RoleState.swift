public import StateMachine

/// Where a node stands between backup and master.
public enum RoleState: Equatable, Sendable {
    /// The first kernel dump is under way; the latest wish is remembered. Left when the dump is done.
    case starting(wish: Role?)
    /// Standing by. Left by a promotion or a fault.
    case backup
    /// The commit is under way. Left when it ends, either way, or by a demotion, which cancels it.
    case takingOver(Takeover)
    /// The flows are in the kernel and the peers know. Left by a demotion or a fault.
    case master(Mastership)
    /// Not eligible. Left by any other wish.
    case fault

    /// A takeover under way.
    public struct Takeover: Equatable, Sendable {
        /// The commit that may end it; results of any other are ignored.
        public let generation: UInt64
        /// Whether the external cache was in sync with the master at the promotion.
        public let inSync: Bool
        /// When it was promoted.
        public let promoted: Instant
    }

    /// What a master still has to do.
    public struct Mastership: Equatable, Sendable {
        /// The generation of the last commit.
        public internal(set) var generation: UInt64
        /// Whether it was in sync when it was promoted.
        public let inSync: Bool
        /// When it was promoted.
        public let promoted: Instant
        /// Whether the commit finished, at once or by a retry.
        public internal(set) var isCommitted: Bool
        /// Until when the answers to its recall are awaited; `never` when there is nothing to await.
        public internal(set) var recallEnds = Instant.never
        /// When strict windows come back; `never` once they are.
        public internal(set) var strictWindowsDue = Instant.never
        /// The retries of a failed commit.
        public internal(set) var retry = Retry.none

        /// Whether this node may say that it holds what the last master held.
        public var mayAnnounceInSync: Bool { inSync && isCommitted }
    }

    /// The retries of a failed commit.
    public enum Retry: Equatable, Sendable {
        /// The commit finished, or nothing is left to try.
        case none
        /// The next one comes at this instant.
        case waiting(due: Instant, tries: Int)
        /// One is under way.
        case running(tries: Int)
    }

    /// Whether this node claims to be master: what a peer's claim collides with.
    public var claimsMaster: Bool {
        switch self {
        case .takingOver, .master: true
        case .starting, .backup, .fault: false
        }
    }

    /// The name in reports.
    public var reportName: String {
        switch self {
        case .starting: "starting"
        case .backup: "backup"
        case .takingOver: "taking-over"
        case .master: "master"
        case .fault: "fault"
        }
    }
}
