internal import Bytes
public import Conntrack

/// Reads the kernel's messages about flows (net/netfilter/nf_conntrack_netlink.c) straight into values.
///
/// Attributes that it does not know are skipped; any other flaw refuses the message as a whole.
public enum FlowParser {
    /// The messages of ctnetlink that carry a flow: NFNL_SUBSYS_CTNETLINK << 8 and the message.
    static let newMessage: UInt16 = 1 << 8
    static let deleteMessage: UInt16 = 1 << 8 | 2

    /// Reads an event.
    ///
    /// New and update are one message; the flags CREATE and EXCL make it a new flow.
    public static func event(
        _ message: NetlinkMessage, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> FlowEvent {
        switch message.type {
        case deleteMessage:
            return try parse(message, bytes, as: .destroy)
        case newMessage:
            let marks = NetlinkMessage.Flags.create | NetlinkMessage.Flags.exclusive
            return try parse(message, bytes, as: message.flags & marks == marks ? .new : .update)
        default:
            throw .notAFlow
        }
    }

    /// Reads one line of a dump.
    public static func dumped(
        _ message: NetlinkMessage, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> FlowEvent {
        guard message.type == newMessage else { throw .notAFlow }
        return try parse(message, bytes, as: .dumped)
    }

    private static func parse(
        _ message: NetlinkMessage, _ bytes: borrowing RawSpan, as kind: FlowEvent.Kind
    ) throws(MessageRefusal) -> FlowEvent {
        var payload = message.payload
        let family = try readFamily(&payload, bytes)
        var list = AttributeList(payload)
        var original: Tuple?
        var reply: Tuple?
        var master: Tuple?
        var zone: UInt16?
        var status: FlowStatus = []
        var timeout: UInt32 = 0
        var mark: UInt32 = 0
        var tcp: TCPInfo?
        var attributes: FlowAttributes = []
        while let attribute = try list.next(bytes) {
            switch WireAttribute.Flow(rawValue: attribute.number) {
            case .original: original = try TupleParser.tuple(attribute, bytes, family)
            case .reply:
                reply = try TupleParser.tuple(attribute, bytes, family)
                attributes.insert(.reply)
            case .master:
                master = try TupleParser.tuple(attribute, bytes, family)
                attributes.insert(.master)
            case .status:
                status = FlowStatus(rawValue: try attribute.uint32(bytes))
                attributes.insert(.status)
            case .timeout:
                timeout = try attribute.uint32(bytes)
                attributes.insert(.timeout)
            case .mark:
                mark = try attribute.uint32(bytes)
                attributes.insert(.mark)
            case .zone: zone = try attribute.uint16(bytes)
            case .protocolInfo: tcp = try readProtocolInfo(attribute, bytes, &attributes)
            case .sourceNAT, .destinationNAT, nil: continue
            }
        }
        guard var original else { throw .noOriginal }
        if let reply, reply.protocol != original.protocol { throw .protocolMismatch }
        // A zone outside the tuples is for both directions; the kernel writes either that or one of the inner ones.
        if let zone {
            original.zone = zone
            reply?.zone = zone
        }
        master?.zone = original.zone
        let flow = Flow(
            original: original, reply: reply ?? original.inverted, master: master, status: status, timeout: timeout,
            mark: mark, tcp: tcp)
        return FlowEvent(kind, flow, attributes: attributes)
    }

    /// Reads struct nfgenmsg: family, version, resource.
    private static func readFamily(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> AddressFamily {
        let number: UInt8
        do {
            number = try cursor.readUInt8(bytes)
            try cursor.skip(3)
        } catch {
            throw .truncatedMessage
        }
        guard let family = AddressFamily(rawValue: number) else { throw .unknownFamily }
        return family
    }

    private static func readProtocolInfo(
        _ attribute: Attribute, _ bytes: borrowing RawSpan, _ attributes: inout FlowAttributes
    ) throws(MessageRefusal) -> TCPInfo? {
        var list = attribute.list
        var info: TCPInfo?
        while let inner = try list.next(bytes) {
            guard WireAttribute.ProtocolInfo(rawValue: inner.number) == .tcp else { continue }
            info = try readTCP(inner, bytes, &attributes)
        }
        return info
    }

    private static func readTCP(
        _ attribute: Attribute, _ bytes: borrowing RawSpan, _ attributes: inout FlowAttributes
    ) throws(MessageRefusal) -> TCPInfo? {
        var list = attribute.list
        var info = TCPInfo(state: .none)
        var seen: UInt16 = 0
        while let inner = try list.next(bytes) {
            guard let kind = WireAttribute.TCP(rawValue: inner.number) else { continue }
            switch kind {
            case .state:
                guard let state = TCPState(rawValue: try inner.uint8(bytes)) else { throw .tcpState }
                info.state = state
            case .originalScale: info.originalScale = try readScale(inner, bytes)
            case .replyScale: info.replyScale = try readScale(inner, bytes)
            case .originalFlags: info.originalFlags = try readFlags(inner, bytes)
            case .replyFlags: info.replyFlags = try readFlags(inner, bytes)
            }
            seen |= 1 << kind.rawValue
        }
        guard seen & 1 << WireAttribute.TCP.state.rawValue != 0 else { return nil }
        attributes.insert(.protocolState)
        if seen == 0b11_1110 { attributes.insert(.protocolDetails) }
        return info
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
}
