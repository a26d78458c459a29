/// The terms this node took and heard of, and the next one it may take.
///
/// A new term is the largest of all terms heard, taken and stored, plus one. The ledger keeps two numbers apart: the
/// term this node *took* last, which is the one its datagrams carry, and the largest it *knows*. A node never sends a
/// term that it merely heard: a master could not tell that from a node that took the same number.
public struct TermLedger: Equatable, Sendable {
    /// The largest step that one heard term may take beyond what is known.
    ///
    /// More takeovers than a pair makes in a century of one a second, and so small that no single datagram can use up
    /// the numbers.
    public static let maximumJump: UInt64 = 1 << 32

    /// The term this node took last, in this run or an earlier one; 0 if it never did.
    public private(set) var own: UInt64

    /// The largest term known.
    public private(set) var highest: UInt64

    /// Makes a ledger that starts with the term stored by an earlier run, 0 if there is none.
    public init(stored: UInt64) {
        own = stored
        highest = stored
    }

    /// How a heard term stands to the term of this node.
    public enum Standing: Equatable, Sendable {
        /// Lower than the term of this node.
        case lower
        /// The same or higher.
        case equalOrHigher
        /// Further ahead than `maximumJump`: not believed and not remembered.
        case implausible
    }

    /// Remembers a term that a peer sent, and says how it stands to the term of this node.
    public mutating func hear(_ term: UInt64) -> Standing {
        if term > highest {
            guard term - highest <= Self.maximumJump else { return .implausible }
            highest = term
        }
        return term < own ? .lower : .equalOrHigher
    }

    /// Whether a peer's term reaches the one of this node.
    public var isSurpassed: Bool { highest > own }

    /// Takes a new term, higher than every term known.
    ///
    /// The caller stores it. Saturates at 2^64 - 1.
    public mutating func takeNext() -> UInt64 {
        highest = highest == .max ? .max : highest + 1
        own = highest
        return own
    }
}
