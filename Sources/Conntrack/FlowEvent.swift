/// What the kernel said of one flow: by itself, or as one line of a dump.
public struct FlowEvent: BitwiseCopyable, Sendable, Equatable {
    /// What happened to the flow.
    public enum Kind: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        case new
        case update
        case destroy
        /// Not an event: the flow as a dump shows it.
        case dumped
    }

    /// Who caused an event.
    public enum Origin: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        /// Packets, a timer, or another program.
        case kernel
        /// A write of this agent: commit, flush or purge.
        case ours
    }

    public var kind: Kind
    public var origin: Origin
    /// What of `flow` the kernel told; the original tuple always.
    public var attributes: FlowAttributes
    public var flow: Flow

    /// Makes an event.
    public init(_ kind: Kind, _ flow: Flow, attributes: FlowAttributes = .all, origin: Origin = .kernel) {
        self.kind = kind
        self.origin = origin
        self.attributes = attributes
        self.flow = flow
    }
}

/// Events of one turn, in the order of the kernel; storage is reused and never grows beyond its limit.
public struct EventBatch: Sendable {
    /// Events at most.
    public let limit: Int
    /// The events, oldest first.
    public private(set) var events: [FlowEvent] = []
    /// What the same turn told of expectations; they are few.
    public private(set) var expectations: [ExpectationEvent] = []
    /// Whether the kernel dropped events since the last batch (ENOBUFS).
    public var overran = false

    /// Makes an empty batch with its storage.
    public init(limit: Int) {
        self.limit = limit
        events.reserveCapacity(limit)
    }

    /// Whether no further event fits.
    public var isFull: Bool { events.count >= limit || expectations.count >= limit }

    /// Takes in an event; the caller looked at `isFull`.
    public mutating func append(_ event: FlowEvent) {
        precondition(!isFull)
        events.append(event)
    }

    /// Takes in what the kernel told of an expectation; the caller looked at `isFull`.
    public mutating func append(_ event: ExpectationEvent) {
        precondition(!isFull)
        expectations.append(event)
    }

    /// Empties the batch and keeps its storage.
    public mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        expectations.removeAll(keepingCapacity: true)
        overran = false
    }
}
