public import StateMachine

/// Whether this node may be promoted without losing flows, quantised so that it can be published to an election.
///
/// A manager fails over when a published value crosses another node's, so a value that jitters moves the traffic for
/// nothing. Hence few levels, and hysteresis: better news waits for `riseDelay`, worse for `fallDelay`; only becoming
/// or ceasing to be master and a fault count at once. A node that cannot get a bulk in `triesLimit` tries says so
/// (`abandoned`) and no longer blocks its own election: a pair of which one died must still be served.
///
/// Every verb returns the level to publish, if it changed.
public struct Readiness: Equatable, Sendable {
    /// The wait before better news is published.
    public static let riseDelay = Instant.Span.seconds(2)
    /// The wait before worse news is published: a gap that is repaired meanwhile is none.
    public static let fallDelay = Instant.Span.seconds(3)
    /// How many bulks may fail in a row before the node stops blocking.
    public static let triesLimit = 5
    /// How long a restarted master keeps the level that its last run published.
    public static let keptSpan = Instant.Span.seconds(30)

    /// How ready, from worst to best.
    public enum Level: UInt8, Comparable, CaseIterable, Sendable {
        /// No bulk has ended since the agent started, or the node is in fault.
        case neverSynced
        /// The caches were in sync once and are on their way again.
        case resyncing
        /// No bulk could be had; the node no longer waits for one.
        case abandoned
        /// A promotion loses nothing.
        case inSync
        /// The node is master.
        case master

        /// What keepalived adds to the priority: the content of a `track_file` of weight 1.
        public var trackFileValue: Int {
            switch self {
            case .neverSynced: 0
            case .resyncing: 10
            case .abandoned: 20
            case .inSync: 90
            case .master: 100
            }
        }

        /// Pacemaker's promotion score; `nil` means none at all: such a node is never promoted.
        public var promotionScore: Int? { self == .neverSynced ? nil : trackFileValue }

        /// The name in reports.
        public var reportName: String {
            switch self {
            case .neverSynced: "never-synced"
            case .resyncing: "resyncing"
            case .abandoned: "abandoned"
            case .inSync: "in-sync"
            case .master: "master"
            }
        }

        /// Orders levels from worst to best.
        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// The level published.
    public private(set) var level: Level

    private var role = Role.backup
    private var sync = Sync.never
    private var triesFailed = 0
    /// What the next level is to be, and when.
    private var pending: Pending?
    private var keptUntil: Instant?

    private enum Sync: Equatable, Sendable {
        case never
        case lost
        case done
    }

    private struct Pending: Equatable, Sendable {
        var level: Level
        var due: Instant
    }

    /// Starts at the lowest level, or for a while at the one that a master's last run published.
    public init(kept: Level? = nil, at now: Instant) {
        level = kept ?? .neverSynced
        keptUntil = kept.map { _ in now + Self.keptSpan }
    }

    /// The instant at which `advance(to:)` has something to do, or `never`.
    public var nextDeadline: Instant { min(pending?.due ?? .never, keptUntil ?? .never) }

    /// The role state machine reached a role.
    public mutating func reached(_ next: Role, at now: Instant) -> Level? {
        if role == .master, next != .master {
            // The new master's flows are what counts now.
            sync = .lost
            triesFailed = 0
        }
        role = next
        if next == .master { sync = .done }
        // Who is no master any more has nothing to keep.
        keptUntil = nil
        return review(at: now)
    }

    /// A bulk ended, and the external cache is in sync.
    public mutating func synced(at now: Instant) -> Level? {
        sync = .done
        triesFailed = 0
        keptUntil = nil
        return review(at: now)
    }

    /// The external cache fell behind: a gap, a new incarnation of the master, a bulk begun.
    public mutating func lostSync(at now: Instant) -> Level? {
        guard role != .master, sync == .done else { return nil }
        sync = .lost
        return review(at: now)
    }

    /// A bulk could not be had: nobody answered, or it broke off.
    public mutating func bulkFailed(at now: Instant) -> Level? {
        guard sync != .done else { return nil }
        triesFailed = min(triesFailed + 1, Self.triesLimit)
        return review(at: now)
    }

    /// Does what has become due.
    public mutating func advance(to now: Instant) -> Level? {
        if let keptUntil, keptUntil <= now { self.keptUntil = nil }
        return review(at: now)
    }

    /// The level that the facts mean, without hysteresis.
    public var actual: Level {
        switch (role, sync) {
        case (.fault, _): .neverSynced
        case (.master, _): .master
        case (.backup, .done): .inSync
        case (.backup, _) where triesFailed >= Self.triesLimit: .abandoned
        case (.backup, .lost): .resyncing
        case (.backup, .never): .neverSynced
        }
    }

    private mutating func review(at now: Instant) -> Level? {
        let next = actual
        guard next != level, keptUntil == nil else {
            pending = nil
            return nil
        }
        if countsAtOnce(next) { return publish(next) }
        if let pending, pending.level == next { return pending.due <= now ? publish(next) : nil }
        let due = now + (next > level ? Self.riseDelay : Self.fallDelay)
        pending = Pending(level: next, due: due)
        return nil
    }

    /// What the manager decided has no jitter to wait out.
    private func countsAtOnce(_ next: Level) -> Bool { role == .fault || next == .master || level == .master }

    private mutating func publish(_ next: Level) -> Level? {
        pending = nil
        level = next
        return next
    }
}
