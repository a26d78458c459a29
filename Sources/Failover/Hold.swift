public import StateMachine

/// Decides when a cold standby drops what would begin flows, so that no packet races a commit.
///
/// keepalived moves the addresses before it tells anyone: a packet in the middle of a connection that arrives before
/// its entry is written begins a flow of its own, with another translation. A hold that stays closed by mistake is
/// worse than none, so everything that could open it does.
///
/// | in state | on                                                      | asks for       | goes to  |
/// |----------|---------------------------------------------------------|----------------|----------|
/// | open     | backup, no virtual address here, usable                 | watch          | watching |
/// | watching | every second                                            | count          | same     |
/// | watching | counted something: the quiet begins anew                |                | same     |
/// | watching | counted nothing for `quietSpan`                         | close          | closed   |
/// | watching | no longer backup, a virtual address, not usable         | remove         | open     |
/// | closed   | every `renewInterval`                                   | renew          | same     |
/// | closed   | a virtual address appears: the limit begins             |                | same     |
/// | closed   | the limit is over, whatever the role                    | remove         | open     |
/// | closed   | taking over, backup again                               |                | same     |
/// | closed   | master, fault, starting, not usable                     | remove         | open     |
/// | closed   | not renewed for `lifetime`: the kernel has opened it    | remove, watch  | watching |
/// | any      | the kernel refused something: the caller has removed it |                | refused  |
/// | refused  | after `retryDelay`                                      | watch          | watching |
///
/// Every verb returns what is to be done, and `advance(to:)` is called when `nextDeadline` has come. A state without a
/// table goes on to `watching` at once if it may.
public struct Hold: Equatable, Sendable {
    /// How long nothing may have been counted before the hold closes: connections that are in use say something in it.
    public static let quietSpan = Instant.Span.seconds(3)
    /// How often packets are counted while it watches.
    public static let countInterval = Instant.Span.seconds(1)
    /// How long the kernel drops without a renewal: an agent that hangs for longer opens the hold.
    public static let lifetime = Instant.Span.seconds(5)
    /// How often it is renewed, so that one renewal may come late.
    public static let renewInterval = Instant.Span.seconds(2)
    /// The wait before a table that was refused is made again.
    public static let retryDelay = Instant.Span.seconds(10)

    /// Where the node stands, in the words of `status`.
    public enum Standing: String, CaseIterable, Sendable {
        case starting
        case backup
        case takingOver = "taking-over"
        case master
        case fault
    }

    /// What the hold does.
    public enum State: Equatable, Sendable {
        /// Nothing; there is no table.
        case open
        /// Counts, and drops nothing. The quiet lasts since `quietSince`, when `seen` packets had been counted.
        case watching(seen: UInt64, quietSince: Instant, countDue: Instant)
        /// Drops; at `opensBy` no longer.
        case closed(renewed: Instant, opensBy: Instant)
        /// The kernel refused a table.
        case refused(retryDue: Instant)
    }

    /// Where it stands.
    public private(set) var state = State.open
    /// The longest time that it stays closed beside a virtual address.
    public let limit: Instant.Span

    private var standing = Standing.starting
    /// Whether a virtual address of the group is here; one that is not known to be away counts as here.
    private var isAddressed = true
    private var isUsable = false

    /// Makes a hold that is open.
    public init(limit: Instant.Span) { self.limit = limit }

    /// The instant at which `advance(to:)` has something to do, or `never`.
    public var nextDeadline: Instant {
        switch state {
        case .open: .never
        case .watching(_, _, let countDue): countDue
        case .closed(let renewed, let opensBy): min(renewed + Self.renewInterval, opensBy)
        case .refused(let retryDue): retryDue
        }
    }

    private var mayClose: Bool { standing == .backup && !isAddressed && isUsable }

    /// The role state machine went to a state.
    public mutating func follow(_ standing: Standing, at now: Instant) -> ActionList<HoldAction> {
        self.standing = standing
        return review(at: now)
    }

    /// A virtual address of the group is here, or none is.
    public mutating func see(addresses isAddressed: Bool, at now: Instant) -> ActionList<HoldAction> {
        self.isAddressed = isAddressed
        return review(at: now)
    }

    /// There is something to hold, or nothing: interfaces are known, and packets are tracked.
    public mutating func use(_ isUsable: Bool, at now: Instant) -> ActionList<HoldAction> {
        self.isUsable = isUsable
        return review(at: now)
    }

    /// So many packets would have begun flows since `watch`.
    public mutating func counted(_ total: UInt64, at now: Instant) -> ActionList<HoldAction> {
        guard case .watching(let seen, let quietSince, _) = state else { return ActionList() }
        if total == seen, quietSince + Self.quietSpan <= now {
            state = .closed(renewed: now, opensBy: .never)
            return ActionList(.close)
        }
        state = .watching(
            seen: total, quietSince: total == seen ? quietSince : now, countDue: now + Self.countInterval)
        return ActionList()
    }

    /// The kernel refused what was asked for last, and the caller has removed the table.
    public mutating func refused(at now: Instant) {
        state = .refused(retryDue: now + Self.retryDelay)
    }

    /// Does what has become due.
    public mutating func advance(to now: Instant) -> ActionList<HoldAction> { review(at: now) }

    private mutating func review(at now: Instant) -> ActionList<HoldAction> {
        var actions = ActionList<HoldAction>()
        switch state {
        case .open: break
        case .watching(let seen, let quietSince, let countDue):
            if !mayClose {
                remove(.onlyWatched, &actions)
            } else if countDue <= now {
                state = .watching(seen: seen, quietSince: quietSince, countDue: now + Self.countInterval)
                actions.append(.count)
            }
        case .closed(let renewed, var opensBy):
            if isAddressed, opensBy == .never { opensBy = now + limit }
            state = .closed(renewed: renewed, opensBy: opensBy)
            if let reason = reasonToOpen(renewed, opensBy, at: now) {
                remove(reason, &actions)
            } else if renewed + Self.renewInterval <= now {
                state = .closed(renewed: now, opensBy: opensBy)
                actions.append(.renew)
            }
        case .refused(let retryDue):
            if retryDue <= now || !mayClose { state = .open }
        }
        if state == .open, mayClose {
            state = .watching(seen: 0, quietSince: now, countDue: now + Self.countInterval)
            actions.append(.watch)
        }
        return actions
    }

    private func reasonToOpen(_ renewed: Instant, _ opensBy: Instant, at now: Instant) -> HoldAction.Reason? {
        switch standing {
        case .master: return .master
        case .fault, .starting: return .fault
        case .backup, .takingOver: break
        }
        if !isUsable { return .unusable }
        if opensBy <= now { return .limit }
        return renewed + Self.lifetime <= now ? .dissolved : nil
    }

    private mutating func remove(_ reason: HoldAction.Reason, _ actions: inout ActionList<HoldAction>) {
        state = .open
        actions.append(.remove(reason))
    }
}
