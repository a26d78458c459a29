internal import Conntrack

extension FlowLine: Encodable {
    private enum Key: String, CodingKey {
        case id, family, `protocol`, state, original, reply, master, status, mark, timeout, helper, labels, synproxy
        case details = "state_details"
        case sequence = "sequence_adjustment"
        case age = "age_ms"
    }

    /// Encodes the stable keys: a key for every attribute, null or empty where a flow has none.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(id, forKey: .id)
        try container.encode(flow.original.family.name, forKey: .family)
        try container.encode(flow.original.protocol.name, forKey: .protocol)
        try container.encode(flow.state.name, forKey: .state)
        try container.encode(StateDetails(flow.state), forKey: .details)
        try container.encode(TupleObject(tuple: flow.original), forKey: .original)
        try container.encode(TupleObject(tuple: flow.reply), forKey: .reply)
        try container.encode(flow.master.map { TupleObject(tuple: $0, isOther: true) }, forKey: .master)
        try container.encode(flow.status.names, forKey: .status)
        try container.encode(flow.mark, forKey: .mark)
        try container.encode(flow.timeout, forKey: .timeout)
        let extensions = flow.extensions
        try container.encode(extensions.helper.isNone ? nil : extensions.helper.text, forKey: .helper)
        try container.encode(extensions.labels.numbers, forKey: .labels)
        try container.encode(
            extensions.sequence.isNone ? nil : AdjustmentsObject(extensions.sequence), forKey: .sequence)
        try container.encode(extensions.synproxy.isNone ? nil : SynproxyObject(extensions.synproxy), forKey: .synproxy)
        try container.encode(ageMilliseconds, forKey: .age)
    }
}

/// What a tracker knows beside the state, with the keys that its protocol has.
private struct StateDetails: Encodable {
    let state: ProtocolState

    /// Nothing for a protocol without state.
    init?(_ state: ProtocolState) {
        if state == .none { return nil }
        self.state = state
    }

    private enum Key: String, CodingKey {
        case originalScale = "original_scale"
        case replyScale = "reply_scale"
        case originalFlags = "original_flags"
        case replyFlags = "reply_flags"
        case originalTag = "original_tag"
        case replyTag = "reply_tag"
        case originalIsServer = "original_is_server"
        case handshakeSequence = "handshake_sequence"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch state {
        case .none: break
        case .tcp(let info):
            try container.encode(info.originalScale, forKey: .originalScale)
            try container.encode(info.replyScale, forKey: .replyScale)
            try container.encode(info.originalFlags.names, forKey: .originalFlags)
            try container.encode(info.replyFlags.names, forKey: .replyFlags)
        case .sctp(let info):
            try container.encode(info.originalTag, forKey: .originalTag)
            try container.encode(info.replyTag, forKey: .replyTag)
        case .dccp(let info):
            try container.encode(info.originalIsServer, forKey: .originalIsServer)
            try container.encode(info.handshakeSequence, forKey: .handshakeSequence)
        }
    }
}

private struct AdjustmentsObject: Encodable {
    struct Side: Encodable {
        let position: UInt32
        let before: Int32
        let after: Int32

        init(_ side: SequenceAdjustment) {
            position = side.position
            before = side.before
            after = side.after
        }
    }

    let original: Side
    let reply: Side

    init(_ adjustments: SequenceAdjustments) {
        original = Side(adjustments.original)
        reply = Side(adjustments.reply)
    }
}

private struct SynproxyObject: Encodable {
    private enum CodingKeys: String, CodingKey {
        case initialSequence = "initial_sequence"
        case initialTimestamp = "initial_timestamp"
        case timestampOffset = "timestamp_offset"
    }

    let initialSequence: UInt32
    let initialTimestamp: UInt32
    let timestampOffset: UInt32

    init(_ state: SynproxyState) {
        initialSequence = state.initialSequence
        initialTimestamp = state.initialTimestamp
        timestampOffset = state.timestampOffset
    }
}
