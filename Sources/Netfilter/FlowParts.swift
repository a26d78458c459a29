internal import Bytes
internal import Conntrack

/// What a message told of a flow so far, beside its tuples.
struct FlowParts {
    var attributes: FlowAttributes = []
    var master: Tuple?
    var status: FlowStatus = []
    var timeout: UInt32 = 0
    var mark: UInt32 = 0
    private(set) var state = ProtocolState.none
    private var extensions = FlowExtensions()
    private var hasOriginalSequence = false
    private var hasReplySequence = false

    init() {}

    func flow(original: Tuple, reply: Tuple) -> Flow {
        var master = self.master
        master?.zone = original.zone
        return Flow(
            original: original, reply: reply, master: master, status: status, timeout: timeout, mark: mark,
            state: state, extensions: extensions)
    }

    // MARK: Extensions

    /// Reads CTA_HELP: the name; what a helper of a program keeps beside it is that program's.
    mutating func readHelper(_ attribute: Attribute, _ bytes: borrowing RawSpan) throws(MessageRefusal) {
        var list = attribute.list
        while let inner = try list.next(bytes) {
            guard WireAttribute.Helper(rawValue: inner.number) == .name else { continue }
            guard let name = inner.name(bytes, limit: KernelName.helperLimit) else { throw .helperName }
            extensions.helper = name
            attributes.insert(.helper)
        }
    }

    /// Reads CTA_LABELS: the kernel's `unsigned long bits[]`.
    ///
    /// On a little-endian machine, which all that this agent is built for are, label n is bit n of the words in order,
    /// whatever the size of a long.
    mutating func readLabels(_ attribute: Attribute, _ bytes: borrowing RawSpan) throws(MessageRefusal) {
        guard let words = attribute.nativeWords(bytes) else { throw .labelsSize }
        extensions.labels = ConnectionLabels(
            high: UInt64(words[3]) << 32 | UInt64(words[2]), low: UInt64(words[1]) << 32 | UInt64(words[0]))
        attributes.insert(.labels)
    }

    /// Reads CTA_SEQ_ADJ_ORIG or CTA_SEQ_ADJ_REPLY; the attribute counts as told when both are.
    mutating func readSequence(
        _ attribute: Attribute, _ bytes: borrowing RawSpan, isReply: Bool
    ) throws(MessageRefusal) {
        var list = attribute.list
        var adjustment = SequenceAdjustment()
        var seen: UInt16 = 0
        while let inner = try list.next(bytes) {
            guard let kind = WireAttribute.Sequence(rawValue: inner.number) else { continue }
            let number = try inner.uint32(bytes)
            switch kind {
            case .position: adjustment.position = number
            case .before: adjustment.before = Int32(bitPattern: number)
            case .after: adjustment.after = Int32(bitPattern: number)
            }
            seen |= 1 << kind.rawValue
        }
        guard seen == 0b1110 else { return }
        if isReply {
            extensions.sequence.reply = adjustment
            hasReplySequence = true
        } else {
            extensions.sequence.original = adjustment
            hasOriginalSequence = true
        }
        if hasOriginalSequence, hasReplySequence { attributes.insert(.sequence) }
    }

    /// Reads CTA_SYNPROXY.
    mutating func readSynproxy(_ attribute: Attribute, _ bytes: borrowing RawSpan) throws(MessageRefusal) {
        var list = attribute.list
        var synproxy = SynproxyState()
        var seen: UInt16 = 0
        while let inner = try list.next(bytes) {
            guard let kind = WireAttribute.Synproxy(rawValue: inner.number) else { continue }
            let number = try inner.uint32(bytes)
            switch kind {
            case .initialSequence: synproxy.initialSequence = number
            case .initialTimestamp: synproxy.initialTimestamp = number
            case .timestampOffset: synproxy.timestampOffset = number
            }
            seen |= 1 << kind.rawValue
        }
        guard seen == 0b1110 else { return }
        extensions.synproxy = synproxy
        attributes.insert(.synproxy)
    }

    // MARK: Protocol state

    /// Reads CTA_PROTOINFO: the state, and what the tracker knows beside it unless the flow ended.
    mutating func readState(_ attribute: Attribute, _ bytes: borrowing RawSpan) throws(MessageRefusal) {
        var list = attribute.list
        while let inner = try list.next(bytes) {
            switch WireAttribute.ProtocolInfo(rawValue: inner.number) {
            case .tcp: try readTCP(inner, bytes)
            case .sctp: try readSCTP(inner, bytes)
            case .dccp: try readDCCP(inner, bytes)
            case nil: continue
            }
        }
    }

    /// Takes a state in, if there was one.
    private mutating func tell(_ told: ProtocolState, hasState: Bool, hasDetails: Bool) {
        guard hasState else { return }
        state = told
        attributes.insert(.protocolState)
        if hasDetails { attributes.insert(.protocolDetails) }
    }

    private mutating func readTCP(_ attribute: Attribute, _ bytes: borrowing RawSpan) throws(MessageRefusal) {
        var list = attribute.list
        var info = TCPInfo(state: .none)
        var seen: UInt16 = 0
        while let inner = try list.next(bytes) {
            guard let kind = WireAttribute.TCP(rawValue: inner.number) else { continue }
            switch kind {
            case .state:
                guard let state = TCPState(rawValue: try inner.uint8(bytes)) else { throw .tcpState }
                info.state = state
            case .originalScale: info.originalScale = try Self.readScale(inner, bytes)
            case .replyScale: info.replyScale = try Self.readScale(inner, bytes)
            case .originalFlags: info.originalFlags = try Self.readFlags(inner, bytes)
            case .replyFlags: info.replyFlags = try Self.readFlags(inner, bytes)
            }
            seen |= 1 << kind.rawValue
        }
        tell(.tcp(info), hasState: seen & 0b10 != 0, hasDetails: seen == 0b11_1110)
    }

    private static func readScale(
        _ attribute: Attribute, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> UInt8 {
        let scale = try attribute.uint8(bytes)
        guard scale <= 14 else { throw .windowScale }
        return scale
    }

    /// Reads struct nf_ct_tcp_flags: flags and mask.
    ///
    /// Bits beside the named ones are about packets under way.
    private static func readFlags(
        _ attribute: Attribute, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> TCPFlags {
        let pair = try attribute.uint16(bytes)
        return TCPFlags(rawValue: UInt8(pair >> 8)).intersection(TCPFlags.replicated.union(.beLiberal))
    }

    private mutating func readSCTP(_ attribute: Attribute, _ bytes: borrowing RawSpan) throws(MessageRefusal) {
        var list = attribute.list
        var info = SCTPInfo(state: .none)
        var seen: UInt16 = 0
        while let inner = try list.next(bytes) {
            guard let kind = WireAttribute.SCTP(rawValue: inner.number) else { continue }
            switch kind {
            case .state:
                guard let state = SCTPState(rawValue: try inner.uint8(bytes)) else { throw .sctpState }
                info.state = state
            case .originalTag: info.originalTag = try inner.uint32(bytes)
            case .replyTag: info.replyTag = try inner.uint32(bytes)
            }
            seen |= 1 << kind.rawValue
        }
        tell(.sctp(info), hasState: seen & 0b10 != 0, hasDetails: seen == 0b1110)
    }

    private mutating func readDCCP(_ attribute: Attribute, _ bytes: borrowing RawSpan) throws(MessageRefusal) {
        var list = attribute.list
        var info = DCCPInfo(state: .none)
        var seen: UInt16 = 0
        while let inner = try list.next(bytes) {
            guard let kind = WireAttribute.DCCP(rawValue: inner.number) else { continue }
            switch kind {
            case .state:
                guard let state = DCCPState(rawValue: try inner.uint8(bytes)) else { throw .dccpState }
                info.state = state
            case .role:
                // CT_DCCP_ROLE_CLIENT or _SERVER (nf_conntrack_dccp.h): the role of the original direction.
                let role = try inner.uint8(bytes)
                guard role <= 1 else { throw .dccpRole }
                info.originalIsServer = role == 1
            case .handshakeSequence:
                let number = try inner.uint64(bytes)
                guard number < 1 << 48 else { throw .handshakeSequence }
                info.handshakeSequence = number
            }
            seen |= 1 << kind.rawValue
        }
        tell(.dccp(info), hasState: seen & 0b10 != 0, hasDetails: seen == 0b1110)
    }
}
