/// One change that we ask of the kernel's expectations.
public struct ExpectationWrite: BitwiseCopyable, Sendable, Equatable {
    /// What is asked.
    public enum Verb: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        /// Insert; its master must be in the kernel and have a helper.
        case create
        /// Delete the expectation with this tuple.
        case delete
    }

    public var verb: Verb
    public var expectation: Expectation
    /// The caller's own number for this write.
    public var token: UInt32

    /// Makes a write.
    public init(_ verb: Verb, _ expectation: Expectation, token: UInt32 = 0) {
        self.verb = verb
        self.expectation = expectation
        self.token = token
    }
}

/// Expectations to write and what the kernel answered; as `WriteBatch`.
public struct ExpectationBatch: Sendable {
    /// The writes in order, `WriteBatch.limit` at most.
    public private(set) var writes: [ExpectationWrite] = []
    /// Filled by the kernel port: refused writes in order.
    public var refused: [WriteBatch.Refused] = []

    /// Makes an empty batch; expectations are few, so its storage comes with the first.
    public init() {}

    /// Whether no further write fits.
    public var isFull: Bool { writes.count >= WriteBatch.limit }

    /// Takes in a write; the caller looked at `isFull`.
    public mutating func append(_ write: ExpectationWrite) {
        precondition(!isFull)
        writes.append(write)
    }

    /// Empties the batch and keeps its storage.
    public mutating func removeAll() {
        writes.removeAll(keepingCapacity: true)
        refused.removeAll(keepingCapacity: true)
    }
}
