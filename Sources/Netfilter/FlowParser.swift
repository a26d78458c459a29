internal import Bytes
public import Conntrack

/// Reads the kernel's messages about flows (net/netfilter/nf_conntrack_netlink.c) straight into values.
///
/// Attributes that it does not know are skipped; any other flaw refuses the message as a whole.
///
/// An event carries what changed; a dump carries what is there, so what it leaves out is none: no mark, no labels and
/// so on count as told. Only timeout and protocol state may be missing from it without meaning that: an offloaded flow
/// (IPS_OFFLOAD) is dumped without them, since the flow table keeps them (ctnetlink_dump_info).
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

    /// What only extensions and few trackers tell; a dump that leaves it out says that there is none.
    private static let dumpedAlways: FlowAttributes = [
        .zone, .mark, .master, .helper, .labels, .sequence, .synproxy,
    ]

    private static func parse(
        _ message: NetlinkMessage, _ bytes: borrowing RawSpan, as kind: FlowEvent.Kind
    ) throws(MessageRefusal) -> FlowEvent {
        var payload = message.payload
        let family = try readFamily(&payload, bytes)
        var list = AttributeList(payload)
        var original: Tuple?
        var reply: Tuple?
        var zone: UInt16?
        var parts = FlowParts()
        while let attribute = try list.next(bytes) {
            switch WireAttribute.Flow(rawValue: attribute.number) {
            case .original: original = try TupleParser.tuple(attribute, bytes, family)
            case .reply:
                reply = try TupleParser.tuple(attribute, bytes, family)
                parts.attributes.insert(.reply)
            case .master:
                parts.master = try TupleParser.tuple(attribute, bytes, family)
                parts.attributes.insert(.master)
            case .status:
                parts.status = FlowStatus(rawValue: try attribute.uint32(bytes))
                parts.attributes.insert(.status)
            case .timeout:
                parts.timeout = try attribute.uint32(bytes)
                parts.attributes.insert(.timeout)
            case .mark:
                parts.mark = try attribute.uint32(bytes)
                parts.attributes.insert(.mark)
            case .zone:
                zone = try attribute.uint16(bytes)
                parts.attributes.insert(.zone)
            case .protocolInfo: try parts.readState(attribute, bytes)
            case .helper: try parts.readHelper(attribute, bytes)
            case .labels: try parts.readLabels(attribute, bytes)
            case .originalSequence: try parts.readSequence(attribute, bytes, isReply: false)
            case .replySequence: try parts.readSequence(attribute, bytes, isReply: true)
            case .synproxy: try parts.readSynproxy(attribute, bytes)
            case .sourceNAT, .destinationNAT, nil: continue
            }
        }
        guard var original else { throw .noOriginal }
        if let reply, reply.protocol != original.protocol { throw .protocolMismatch }
        guard parts.state.protocol ?? original.protocol == original.protocol else { throw .protocolMismatch }
        // A zone outside the tuples is for both directions; the kernel writes either that or one of the inner ones.
        if let zone {
            original.zone = zone
            reply?.zone = zone
        } else if original.zone != 0 || reply?.zone ?? 0 != 0 {
            parts.attributes.insert(.zone)
        }
        if kind == .dumped { parts.attributes.formUnion(dumpedAlways) }
        return FlowEvent(
            kind, parts.flow(original: original, reply: reply ?? original.inverted), attributes: parts.attributes)
    }

    /// Reads struct nfgenmsg: family, version, resource.
    static func readFamily(
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
}
