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
    public var state: ProtocolState
    public var extensions: FlowExtensions

    /// Makes a flow.
    public init(
        original: Tuple, reply: Tuple, master: Tuple? = nil, status: FlowStatus = [], timeout: UInt32 = 0,
        mark: UInt32 = 0, state: ProtocolState = .none, extensions: FlowExtensions = FlowExtensions()
    ) {
        self.original = original
        self.reply = reply
        self.master = master
        self.status = status
        self.timeout = timeout
        self.mark = mark
        self.state = state
        self.extensions = extensions
    }

    /// Makes a flow, of TCP if there is information of that kind.
    public init(
        original: Tuple, reply: Tuple, master: Tuple? = nil, status: FlowStatus = [], timeout: UInt32 = 0,
        mark: UInt32 = 0, tcp: TCPInfo?
    ) {
        self.init(
            original: original, reply: reply, master: master, status: status, timeout: timeout, mark: mark,
            state: tcp.map { .tcp($0) } ?? .none)
    }

    /// The largest timeout that the kernel takes, in seconds.
    public static let maximumTimeout: UInt32 = 8_589_934

    /// What the TCP tracker knows; nil for another protocol.
    public var tcp: TCPInfo? {
        get {
            guard case .tcp(let info) = state else { return nil }
            return info
        }
        set { state = newValue.map { .tcp($0) } ?? .none }
    }

    /// Whether the flow is in a state that ends by itself soon.
    public var isClosing: Bool { state.isClosing }

    /// Whether packets find the flow by a map that only the helper which saw its control connection writes: a call of
    /// PPTP (nf_conntrack_proto_gre.c, gre_keymap_lookup).
    public var isBoundToItsKernel: Bool {
        original.protocol == .gre && (original.sourceKey != 0 || original.destinationKey != 0)
    }

    /// The flow as one that no helper expected.
    public var withoutMaster: Flow {
        var flow = self
        flow.master = nil
        flow.status.remove(.expected)
        return flow
    }

    /// The flow with these attributes as if nobody had told them.
    ///
    /// A reply tuple and a protocol's state stay: without them it would be another flow.
    public func without(_ attributes: FlowAttributes) -> Flow {
        var flow = attributes.contains(.master) ? withoutMaster : self
        if attributes.contains(.zone) {
            flow.original.zone = 0
            flow.reply.zone = 0
            flow.master?.zone = 0
        }
        if attributes.contains(.status) { flow.status.formIntersection([.confirmed, .expected]) }
        if attributes.contains(.timeout) { flow.timeout = 0 }
        if attributes.contains(.mark) { flow.mark = 0 }
        if attributes.contains(.protocolDetails) { flow.state = flow.state.withoutDetails }
        if attributes.contains(.helper) {
            flow.extensions.helper = .none
            flow.status.remove(.helper)
        }
        if attributes.contains(.labels) { flow.extensions.labels = ConnectionLabels() }
        if attributes.contains(.sequence) {
            flow.extensions.sequence = SequenceAdjustments()
            flow.status.remove(.sequenceAdjusted)
        }
        if attributes.contains(.synproxy) { flow.extensions.synproxy = SynproxyState() }
        return flow
    }

    /// Those of master, helper, labels, sequence adjustment and SYN proxy that the flow has.
    public var rareAttributes: FlowAttributes {
        var attributes: FlowAttributes = master == nil ? [] : .master
        guard extensions != FlowExtensions() else { return attributes }
        if !extensions.helper.isNone { attributes.insert(.helper) }
        if !extensions.labels.isEmpty { attributes.insert(.labels) }
        if !extensions.sequence.isNone { attributes.insert(.sequence) }
        if !extensions.synproxy.isNone { attributes.insert(.synproxy) }
        return attributes
    }

    /// What another node's copy holds differently; of status and flags only what means the same on both counts.
    ///
    /// Timeouts are compared too, though no two nodes hold the same.
    public func differences(from other: Flow) -> FlowAttributes {
        let (mine, theirs) = (replicated, other.replicated)
        var different: FlowAttributes = []
        var (reply, otherReply) = (mine.reply, theirs.reply)
        (reply.zone, otherReply.zone) = (0, 0)
        if reply != otherReply { different.insert(.reply) }
        if mine.original.zone != theirs.original.zone || mine.reply.zone != theirs.reply.zone {
            different.insert(.zone)
        }
        if mine.status != theirs.status { different.insert(.status) }
        if timeout != other.timeout { different.insert(.timeout) }
        if mine.mark != theirs.mark { different.insert(.mark) }
        if mine.master != theirs.master { different.insert(.master) }
        if mine.state.withoutDetails != theirs.state.withoutDetails { different.insert(.protocolState) }
        if mine.state.merged(theirs.state, withDetails: false) != theirs.state { different.insert(.protocolDetails) }
        if mine.extensions.helper != theirs.extensions.helper { different.insert(.helper) }
        if mine.extensions.labels != theirs.extensions.labels { different.insert(.labels) }
        if mine.extensions.sequence != theirs.extensions.sequence { different.insert(.sequence) }
        if mine.extensions.synproxy != theirs.extensions.synproxy { different.insert(.synproxy) }
        return different
    }

    /// Takes over the attributes that a message carried; an update tells only part of a flow.
    ///
    /// - Returns: whether anything changed that a peer must know. A mere timeout is none of that, nor is what means
    ///   something on this node alone.
    @discardableResult
    public mutating func merge(_ newer: Flow, _ attributes: FlowAttributes) -> Bool {
        var changed = false
        /// Takes one attribute over and notes whether it is another.
        func take<Value: Equatable>(_ value: inout Value, _ told: Value) {
            guard value != told else { return }
            value = told
            changed = true
        }
        var told = attributes.contains(.reply) ? newer.reply : reply
        told.zone = attributes.contains(.zone) ? newer.reply.zone : reply.zone
        take(&reply, told)
        if attributes.contains(.master) { take(&master, newer.master) }
        if attributes.contains(.status) {
            changed = changed || !status.symmetricDifference(newer.status).isDisjoint(with: .replicated)
            status = newer.status
        }
        if attributes.contains(.mark) { take(&mark, newer.mark) }
        if attributes.contains(.protocolState) {
            let told = state.merged(newer.state, withDetails: attributes.contains(.protocolDetails))
            changed = changed || told.replicated != state.replicated
            state = told
        }
        if attributes.contains(.helper) { take(&extensions.helper, newer.extensions.helper) }
        if attributes.contains(.labels) { take(&extensions.labels, newer.extensions.labels) }
        if attributes.contains(.sequence) { take(&extensions.sequence, newer.extensions.sequence) }
        if attributes.contains(.synproxy) { take(&extensions.synproxy, newer.extensions.synproxy) }
        if attributes.contains(.timeout) { timeout = newer.timeout }
        return changed
    }

    /// The flow as a peer is told of it, without its timeout.
    var replicated: Flow {
        var flow = self
        flow.timeout = 0
        flow.status.formIntersection(.replicated)
        flow.state = state.replicated
        return flow
    }
}
