internal import Bytes
internal import Conntrack

/// What the protocol's tracker knows, and what an entry keeps in extensions.
extension FlowMessageWriter {
    /// Appends CTA_PROTOINFO if there is a state and it is one of the flow's protocol.
    ///
    /// - Parameters:
    ///   - added: TCP flags to set in both directions beside the flow's own.
    ///   - mask: TCP flags that the entry takes from this request.
    mutating func appendState(of flow: Flow, adding added: TCPFlags, mask: TCPFlags) {
        guard flow.state.protocol == flow.original.protocol else { return }
        switch flow.state {
        case .none: return
        case .tcp(let info): appendTCP(info, adding: added, mask: mask)
        case .sctp(let info): appendSCTP(info)
        case .dccp(let info): appendDCCP(info)
        }
    }

    /// Appends CTA_PROTOINFO with nothing but the liberal flag of both directions, cleared.
    mutating func appendStrictness() {
        let outer = open(WireAttribute.Flow.protocolInfo.rawValue)
        let inner = open(WireAttribute.ProtocolInfo.tcp.rawValue)
        append(.originalFlags, [], mask: .beLiberal)
        append(.replyFlags, [], mask: .beLiberal)
        close(inner)
        close(outer)
    }

    /// Kernels before 2026 shift by whatever scale they are told, so none beyond 14 may reach one (RFC 7323).
    private mutating func appendTCP(_ tcp: TCPInfo, adding: TCPFlags, mask: TCPFlags) {
        let outer = open(WireAttribute.Flow.protocolInfo.rawValue)
        let inner = open(WireAttribute.ProtocolInfo.tcp.rawValue)
        appendUInt8(WireAttribute.TCP.state.rawValue, tcp.state.rawValue)
        appendUInt8(WireAttribute.TCP.originalScale.rawValue, min(tcp.originalScale, 14))
        appendUInt8(WireAttribute.TCP.replyScale.rawValue, min(tcp.replyScale, 14))
        append(.originalFlags, tcp.originalFlags.intersection(.replicated).union(adding), mask: mask)
        append(.replyFlags, tcp.replyFlags.intersection(.replicated).union(adding), mask: mask)
        close(inner)
        close(outer)
    }

    private mutating func append(_ kind: WireAttribute.TCP, _ flags: TCPFlags, mask: TCPFlags) {
        appendUInt16(kind.rawValue, UInt16(flags.rawValue) << 8 | UInt16(mask.rawValue))
    }

    /// State and both tags: the kernel refuses a part of them (nlattr_to_sctp).
    private mutating func appendSCTP(_ sctp: SCTPInfo) {
        let outer = open(WireAttribute.Flow.protocolInfo.rawValue)
        let inner = open(WireAttribute.ProtocolInfo.sctp.rawValue)
        appendUInt8(WireAttribute.SCTP.state.rawValue, sctp.state.written.rawValue)
        appendUInt32(WireAttribute.SCTP.originalTag.rawValue, sctp.originalTag)
        appendUInt32(WireAttribute.SCTP.replyTag.rawValue, sctp.replyTag)
        close(inner)
        close(outer)
    }

    private mutating func appendDCCP(_ dccp: DCCPInfo) {
        let outer = open(WireAttribute.Flow.protocolInfo.rawValue)
        let inner = open(WireAttribute.ProtocolInfo.dccp.rawValue)
        appendUInt8(WireAttribute.DCCP.state.rawValue, dccp.state.rawValue)
        appendUInt8(WireAttribute.DCCP.role.rawValue, dccp.originalIsServer ? 1 : 0)
        appendUInt64(WireAttribute.DCCP.handshakeSequence.rawValue, dccp.handshakeSequence)
        close(inner)
        close(outer)
    }

    mutating func appendHelper(_ name: KernelName) {
        let whole = open(WireAttribute.Flow.helper.rawValue)
        append(WireAttribute.Helper.name.rawValue, name)
        close(whole)
    }

    /// Appends the extensions that an update can write too, where there are any.
    mutating func appendChangeable(_ extensions: FlowExtensions) {
        if !extensions.sequence.isNone {
            append(.originalSequence, extensions.sequence.original)
            append(.replySequence, extensions.sequence.reply)
        }
        if !extensions.synproxy.isNone {
            let whole = open(WireAttribute.Flow.synproxy.rawValue)
            appendUInt32(WireAttribute.Synproxy.initialSequence.rawValue, extensions.synproxy.initialSequence)
            appendUInt32(WireAttribute.Synproxy.initialTimestamp.rawValue, extensions.synproxy.initialTimestamp)
            appendUInt32(WireAttribute.Synproxy.timestampOffset.rawValue, extensions.synproxy.timestampOffset)
            close(whole)
        }
        if !extensions.labels.isEmpty { append(extensions.labels) }
    }

    private mutating func append(_ direction: WireAttribute.Flow, _ adjustment: SequenceAdjustment) {
        let whole = open(direction.rawValue)
        appendUInt32(WireAttribute.Sequence.position.rawValue, adjustment.position)
        appendUInt32(WireAttribute.Sequence.before.rawValue, UInt32(bitPattern: adjustment.before))
        appendUInt32(WireAttribute.Sequence.after.rawValue, UInt32(bitPattern: adjustment.after))
        close(whole)
    }

    /// The kernel's `unsigned long bits[]`; see `FlowParts.readLabels` for the order.
    private mutating func append(_ labels: ConnectionLabels) {
        appendHeader(WireAttribute.Flow.labels.rawValue, size: 16)
        buffer.appendNative(UInt32(truncatingIfNeeded: labels.low))
        buffer.appendNative(UInt32(truncatingIfNeeded: labels.low >> 32))
        buffer.appendNative(UInt32(truncatingIfNeeded: labels.high))
        buffer.appendNative(UInt32(truncatingIfNeeded: labels.high >> 32))
    }
}

extension SCTPState {
    /// The state that every kernel has: since 6.3 the tracker calls an acknowledged second path established, and takes
    /// the former number for an index into its table all the same.
    var written: SCTPState { self == .heartbeatAcked ? .established : self }
}
