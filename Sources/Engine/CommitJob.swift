internal import Conntrack
internal import StateMachine

/// A commit under way: a walk over the external cache, some flows a turn, in an order that serves people.
struct CommitJob {
    /// Why the commit runs.
    enum Purpose: Equatable {
        /// A promotion, or the retry of one.
        case takeover(generation: UInt64)
        /// An operator asked.
        case manual(id: UInt64)
        /// A master takes in what a peer that is no master announced, where both tuples are free.
        case adoption
        /// A master's addresses came back: its flows that went with them are written again.
        case restoration
    }

    /// What is written in which order: live connections first, parents before children, endings last.
    enum Pass: UInt8, Comparable {
        case established
        case unassured
        case closing
        case children
        /// Children whose parent was not there in their own pass: a child of a child, or one that outlived its parent,
        /// which lives on without it.
        case orphans
        /// Entries of an earlier mastership that the external cache does not name: removed if the last master held
        /// all flows and these no longer, else made anew, because their windows are stale.
        case former
        /// Flows of the internal cache that this node's kernel lost with its addresses.
        case lost
        /// Flows whose place was taken, perhaps by an entry that the former pass removed.
        case clashing
        /// What helpers expect, once every flow that it belongs to is there.
        case expectations

        /// Orders passes as they come.
        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

        /// Whether a flow's turn is in this pass.
        func takes(_ flow: Flow, refused: WriteRefusal?) -> Bool {
            switch self {
            case .established: flow.master == nil && !flow.isClosing && flow.status.contains(.assured)
            case .unassured: flow.master == nil && !flow.isClosing && !flow.status.contains(.assured)
            case .closing: flow.master == nil && flow.isClosing
            case .children: flow.master != nil
            case .orphans: flow.master != nil && refused == .notFound
            case .clashing: refused == .exists
            case .former, .lost, .expectations: false
            }
        }
    }

    /// The token of a write that no slot of the external cache stands behind.
    static let noSlot = UInt32.max
    /// Rounds for flows that a peer announces while the commit runs, at most; what comes later is adopted.
    static let roundLimit = 3
    /// Refused flows that are named in notices, for each commit.
    static let namedLimit = 8

    let purpose: Purpose
    let started: Instant
    /// Whether what the external cache does not name is gone: only when it is in sync.
    let isInSync: Bool
    var pass = Pass.established
    var nextSlot: UInt32 = 0
    /// The slots of the external cache that this round walks over; nil for all.
    var slots: [UInt32]?
    var written = 0
    var failed = 0
    var kept = 0
    var named = 0
    var rounds = 1
    /// A peer announced a flow that this round may have passed.
    var isOvertaken = false
    /// NEW events go unheard meanwhile.
    var isQuiet = false
    /// The kernel does not let us write at all.
    var isForbidden = false

    /// Moves on to the next pass; false after the last.
    mutating func nextPass() -> Bool {
        if pass == .clashing || purpose == .adoption && pass == .orphans, isOvertaken, rounds < Self.roundLimit {
            isOvertaken = false
            rounds += 1
            pass = .established
            nextSlot = 0
            return true
        }
        guard let next = Pass(rawValue: pass.rawValue + 1), next < .former || purpose != .adoption else {
            return false
        }
        pass = next
        nextSlot = 0
        return true
    }
}
