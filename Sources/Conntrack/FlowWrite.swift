/// One change that we ask of the kernel's table.
public struct FlowWrite: BitwiseCopyable, Sendable, Equatable {
    /// What is asked.
    public enum Verb: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        /// Insert; refused as `exists` if either tuple is taken. NAT is derived from the two tuples.
        case create
        /// Delete what has the original tuple and insert, in one go: no packet meets a stale entry afterwards.
        case replace
        /// Change status, timeout, mark and TCP state of the entry with this original tuple; never its NAT.
        case update
        /// Clear the liberal flag of both directions and touch nothing else.
        case makeStrict
        /// Set the timeout and touch nothing else; refused as `notPermitted` where it is fixed (GRE).
        case prolong
        /// Delete the entry with this original tuple.
        case delete
    }

    public var verb: Verb
    /// The flow to write; `delete` and `makeStrict` need its tuples only, `prolong` those and its timeout.
    public var flow: Flow
    /// Whether the entry accepts packets outside its window until it is made strict (create and replace, TCP).
    public var liberal: Bool
    /// The caller's own number for this write.
    public var token: UInt32

    /// Makes a write.
    public init(_ verb: Verb, _ flow: Flow, liberal: Bool = false, token: UInt32 = 0) {
        self.verb = verb
        self.flow = flow
        self.liberal = liberal
        self.token = token
    }
}

/// Why the kernel refused a write (ctnetlink's error codes, reference: nf_conntrack_netlink.c).
public enum WriteRefusal: UInt8, BitwiseCopyable, Sendable, CaseIterable, Error {
    /// EEXIST: the original or the reply tuple is taken.
    case exists
    /// ENOENT: no such entry, or the master is not there.
    case notFound
    /// EBUSY: a status bit would regress, or the helper differs.
    case busy
    /// EOPNOTSUPP: a NAT change on an existing entry, or an unknown helper.
    case unsupported
    /// ENOMEM: the table is full.
    case tableFull
    /// ENOSPC: the hash chain is too long, or labels have no rule.
    case noSpace
    /// EINVAL: the kernel does not take these values.
    case invalid
    /// EPERM: not allowed; a fixed timeout, or no CAP_NET_ADMIN.
    case notPermitted
    /// ETIME: the entry is dying.
    case dying
    /// EAGAIN: a helper or module went away meanwhile.
    case again
    /// Any other error code.
    case other
}

extension [WriteBatch.Refused] {
    /// Why the write of an index was refused, or nil if it was done.
    ///
    /// The writes are walked in order; `place` is where the walk over the refusals stands, 0 at the first write.
    public func reason(of index: Int, from place: inout Int) -> WriteRefusal? {
        guard place < count, self[place].index == index else { return nil }
        place += 1
        return self[place - 1].reason
    }
}

/// Writes of one turn and what the kernel answered; storage is reused and never grows beyond its limit.
public struct WriteBatch: Sendable {
    /// A write that the kernel refused.
    public struct Refused: Sendable, Equatable {
        /// The write's place in the batch.
        public let index: Int
        public let reason: WriteRefusal

        /// Makes a refusal.
        public init(index: Int, reason: WriteRefusal) {
            self.index = index
            self.reason = reason
        }
    }

    /// Writes at most: 64 a send is where inserts are fastest (measured on Linux 6.18).
    public static let limit = 64

    /// The writes in order.
    public private(set) var writes: [FlowWrite] = []
    /// Filled by the kernel port: refused writes in order.
    ///
    /// What is not named here was done.
    public var refused: [Refused] = []

    /// Makes an empty batch with its storage.
    public init() {
        writes.reserveCapacity(Self.limit)
        refused.reserveCapacity(Self.limit)
    }

    /// Whether no further write fits.
    public var isFull: Bool { writes.count >= Self.limit }

    /// Takes in a write; the caller looked at `isFull`.
    public mutating func append(_ write: FlowWrite) {
        precondition(!isFull)
        writes.append(write)
    }

    /// Empties the batch and keeps its storage.
    public mutating func removeAll() {
        writes.removeAll(keepingCapacity: true)
        refused.removeAll(keepingCapacity: true)
    }
}
