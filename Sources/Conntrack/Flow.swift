/// A tracked connection, as one node's kernel holds it.
public struct Flow: Hashable, BitwiseCopyable, Sendable {
    public var original: Tuple
    public var reply: Tuple
    /// The original tuple of the flow whose helper expected this one; in the same zone.
    public var master: Tuple?
    public var status: FlowStatus
    /// Seconds until the kernel drops the flow, as last told; 8,589,934 at most.
    public var timeout: UInt32
    public var mark: UInt32
    /// Only with TCP.
    public var tcp: TCPInfo?

    /// Makes a flow.
    public init(
        original: Tuple, reply: Tuple, master: Tuple? = nil, status: FlowStatus = [], timeout: UInt32 = 0,
        mark: UInt32 = 0, tcp: TCPInfo? = nil
    ) {
        self.original = original
        self.reply = reply
        self.master = master
        self.status = status
        self.timeout = timeout
        self.mark = mark
        self.tcp = tcp
    }

    /// The largest timeout that the kernel takes, in seconds.
    public static let maximumTimeout: UInt32 = 8_589_934

    /// Whether the flow is in a state that ends by itself soon.
    public var isClosing: Bool { tcp?.state.isClosing ?? false }

    /// The flow as one that no helper expected.
    public var withoutMaster: Flow {
        var flow = self
        flow.master = nil
        flow.status.remove(.expected)
        return flow
    }

    /// Takes over the attributes that a message carried; an update tells only part of a flow.
    ///
    /// - Returns: whether anything changed that a peer must know. A mere timeout is none of that, nor is what means
    ///   something on this node alone.
    @discardableResult
    public mutating func merge(_ newer: Flow, _ attributes: FlowAttributes) -> Bool {
        let before = replicated
        if attributes.contains(.reply) { reply = newer.reply }
        if attributes.contains(.master) { master = newer.master }
        if attributes.contains(.status) { status = newer.status }
        if attributes.contains(.mark) { mark = newer.mark }
        if attributes.contains(.tcp), let told = newer.tcp {
            if attributes.contains(.tcpDetails) {
                tcp = told
            } else {
                tcp = tcp ?? told
                tcp?.state = told.state
            }
        }
        if attributes.contains(.timeout) { timeout = newer.timeout }
        return replicated != before
    }

    /// The flow as a peer is told of it, without its timeout.
    private var replicated: Flow {
        var flow = self
        flow.timeout = 0
        flow.status.formIntersection(.replicated)
        flow.tcp?.originalFlags.formIntersection(.replicated)
        flow.tcp?.replyFlags.formIntersection(.replicated)
        return flow
    }
}

/// The attributes that a message about a flow carried beside the original tuple.
public struct FlowAttributes: OptionSet, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt16

    /// Makes a set from bits of our own.
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let reply = FlowAttributes(rawValue: 1 << 0)
    public static let status = FlowAttributes(rawValue: 1 << 1)
    public static let timeout = FlowAttributes(rawValue: 1 << 2)
    public static let mark = FlowAttributes(rawValue: 1 << 3)
    /// The TCP state.
    public static let tcp = FlowAttributes(rawValue: 1 << 4)
    /// The TCP window scales and flags; a destroy carries the state alone.
    public static let tcpDetails = FlowAttributes(rawValue: 1 << 5)
    public static let master = FlowAttributes(rawValue: 1 << 6)

    /// All that a flow can carry.
    public static let all = FlowAttributes(rawValue: (1 << 7) - 1)
}
