public import StateMachine

/// When a demoted node may purge: rarely, and never on a guess.
///
/// The purge removes entries from the kernel that the new master no longer vouches for, so it waits until somebody
/// vouches: a bulk of a master must have ended, the master must have been in sync when it was promoted, its term must
/// be higher than the one this node held, and the external cache must still be in sync with it. When no master answers,
/// the purge never comes. After a restart it is armed for copies that their leases betray, and for nothing else.
///
/// | in state | on                                   | goes to  |
/// |----------|--------------------------------------|----------|
/// | idle     | arm                                  | waiting  |
/// | waiting  | the bulk of a synced master of a higher term ended | vouched |
/// | vouched  | sync lost                            | waiting  |
/// | vouched  | wait over, and not two masters       | idle: purge |
/// | any      | cancel                               | idle     |
public struct PurgeSchedule: Equatable, Sendable {
    /// How long after the demotion the purge comes at the earliest: `purge-timeout` on a cold standby, whose copies
    /// nobody updates; zero on a hot one, which keeps what the new master announced.
    public let wait: Instant.Span

    /// Where the schedule stands.
    public private(set) var state = State.idle

    /// Where the schedule stands.
    public enum State: Equatable, Sendable {
        /// Nothing to purge.
        case idle
        /// Demoted; nobody vouches for what is to stay.
        case waiting(ownTerm: UInt64, earliest: Instant)
        /// The external cache says what is to stay.
        case vouched(ownTerm: UInt64, earliest: Instant)
    }

    /// Makes a schedule that is idle.
    public init(wait: Instant.Span) { self.wait = wait }

    /// When `takeIfDue` has something to do, or `never`.
    public var nextDeadline: Instant {
        guard case .vouched(_, let earliest) = state else { return .never }
        return earliest
    }

    /// This node was demoted; `ownTerm` is the term it held.
    public mutating func arm(ownTerm: UInt64, at now: Instant) {
        state = .waiting(ownTerm: ownTerm, earliest: now + wait)
    }

    /// This node was promoted.
    public mutating func cancel() { state = .idle }

    /// The bulk of a master ended; `wasInSync` is what that master announced of its promotion.
    public mutating func bulkEnded(ofTerm term: UInt64, wasInSync: Bool) {
        guard case .waiting(let ownTerm, let earliest) = state, wasInSync, term > ownTerm else { return }
        state = .vouched(ownTerm: ownTerm, earliest: earliest)
    }

    /// The external cache is no longer in sync with that master: a gap, silence, or another master.
    public mutating func lostSync() {
        guard case .vouched(let ownTerm, let earliest) = state else { return }
        state = .waiting(ownTerm: ownTerm, earliest: earliest)
    }

    /// Whether to purge now; says so once.
    public mutating func takeIfDue(twoMasters: Bool, at now: Instant) -> Bool {
        guard case .vouched(_, let earliest) = state, earliest <= now, !twoMasters else { return false }
        state = .idle
        return true
    }
}
