/// What few flows carry: the attributes that the kernel keeps in extensions of an entry.
///
/// What is zero is not there.
public struct FlowExtensions: Hashable, BitwiseCopyable, Sendable {
    /// The helper that reads the flow, as `ftp`.
    public var helper: KernelName
    public var labels: ConnectionLabels
    /// What a helper that rewrote the payload has shifted the sequence numbers by.
    public var sequence: SequenceAdjustments
    public var synproxy: SynproxyState

    /// Makes extensions; without arguments there are none.
    public init(
        helper: KernelName = .none, labels: ConnectionLabels = ConnectionLabels(),
        sequence: SequenceAdjustments = SequenceAdjustments(), synproxy: SynproxyState = SynproxyState()
    ) {
        self.helper = helper
        self.labels = labels
        self.sequence = sequence
        self.synproxy = synproxy
    }
}

/// The labels of a flow: a set of numbers from 0 to 127 that rules give and match (ct label).
public struct ConnectionLabels: Hashable, BitwiseCopyable, Sendable {
    /// Labels 64 to 127, the highest in the highest bit.
    public var high: UInt64
    /// Labels 0 to 63.
    public var low: UInt64

    /// Makes a set; without arguments it is empty.
    public init(high: UInt64 = 0, low: UInt64 = 0) {
        self.high = high
        self.low = low
    }

    /// Whether there is no label.
    public var isEmpty: Bool { high == 0 && low == 0 }
}

/// How a helper that changed the length of a payload shifts the sequence numbers of one direction.
///
/// Source: struct nf_ct_seqadj (nf_conntrack_seqadj.h).
public struct SequenceAdjustment: Hashable, BitwiseCopyable, Sendable {
    /// The sequence number of the last change.
    public var position: UInt32
    /// Bytes added before that number.
    public var before: Int32
    /// Bytes added after it.
    public var after: Int32

    /// Makes an adjustment; without arguments there is none.
    public init(position: UInt32 = 0, before: Int32 = 0, after: Int32 = 0) {
        self.position = position
        self.before = before
        self.after = after
    }
}

/// The adjustments of both directions.
public struct SequenceAdjustments: Hashable, BitwiseCopyable, Sendable {
    public var original: SequenceAdjustment
    public var reply: SequenceAdjustment

    /// Makes adjustments; without arguments there are none.
    public init(
        original: SequenceAdjustment = SequenceAdjustment(), reply: SequenceAdjustment = SequenceAdjustment()
    ) {
        self.original = original
        self.reply = reply
    }

    /// Whether nothing is shifted.
    public var isNone: Bool { self == SequenceAdjustments() }
}

/// What a SYN proxy that answered for the server must remember (struct nf_conn_synproxy).
public struct SynproxyState: Hashable, BitwiseCopyable, Sendable {
    /// The initial sequence number that the proxy gave the client.
    public var initialSequence: UInt32
    /// The client's initial timestamp.
    public var initialTimestamp: UInt32
    /// What the server's timestamps are shifted by.
    public var timestampOffset: UInt32

    /// Makes a state; without arguments there is none.
    public init(initialSequence: UInt32 = 0, initialTimestamp: UInt32 = 0, timestampOffset: UInt32 = 0) {
        self.initialSequence = initialSequence
        self.initialTimestamp = initialTimestamp
        self.timestampOffset = timestampOffset
    }

    /// Whether no proxy stands in the flow.
    public var isNone: Bool { self == SynproxyState() }
}
