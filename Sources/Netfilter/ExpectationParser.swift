internal import Bytes
public import Conntrack

/// Reads the kernel's messages about expectations (net/netfilter/nf_conntrack_netlink.c, ctnetlink_exp_dump_expect).
///
/// Attributes that it does not know are skipped; any other flaw refuses the message as a whole. The kernel does not say
/// in which zone an expectation is: the tuples have zone 0, and who knows the zone of the master's flow fills it in.
/// Of the mask the kernel keeps what belongs to the source; the destination always matches as a whole.
public enum ExpectationParser {
    /// NFNL_SUBSYS_CTNETLINK_EXP << 8 and IPCTNL_MSG_EXP_NEW, _GET, _DELETE.
    static let newMessage: UInt16 = 2 << 8
    static let getMessage: UInt16 = 2 << 8 | 1
    static let deleteMessage: UInt16 = 2 << 8 | 2

    /// Whether a message is about an expectation, not a flow.
    static func isResponsible(for message: NetlinkMessage) -> Bool { message.type >> 8 == 2 }

    /// Reads an event; the kernel tells of an expectation's beginning and end, never of a change.
    public static func event(
        _ message: NetlinkMessage, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> ExpectationEvent {
        switch message.type {
        case newMessage: ExpectationEvent(.new, try parse(message, bytes))
        case deleteMessage: ExpectationEvent(.destroy, try parse(message, bytes))
        default: throw .notAnExpectation
        }
    }

    /// Reads one line of a dump.
    public static func dumped(
        _ message: NetlinkMessage, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> ExpectationEvent {
        guard message.type == newMessage else { throw .notAnExpectation }
        return ExpectationEvent(.dumped, try parse(message, bytes))
    }

    private static func parse(
        _ message: NetlinkMessage, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> Expectation {
        var payload = message.payload
        let family = try FlowParser.readFamily(&payload, bytes)
        var list = AttributeList(payload)
        var tuple: Tuple?
        var mask: Tuple?
        var master: Tuple?
        var timeout: UInt32 = 0
        var flags: ExpectationFlags = []
        var policy: UInt32 = 0
        var helper = KernelName.none
        var translation: ExpectationTranslation?
        var function = KernelName.none
        while let attribute = try list.next(bytes) {
            switch WireAttribute.Expectation(rawValue: attribute.number) {
            case .master: master = try TupleParser.tuple(attribute, bytes, family)
            case .tuple: tuple = try TupleParser.tuple(attribute, bytes, family)
            case .mask: mask = try TupleParser.tuple(attribute, bytes, family)
            case .timeout: timeout = try attribute.uint32(bytes)
            case .flags:
                guard let bits = UInt8(exactly: try attribute.uint32(bytes)) else { throw .expectationFlags }
                flags = ExpectationFlags(rawValue: bits)
            case .policy: policy = try attribute.uint32(bytes)
            case .helper:
                guard let name = attribute.name(bytes, limit: KernelName.helperLimit) else { throw .helperName }
                helper = name
            case .function:
                guard let name = attribute.name(bytes, limit: KernelName.limit) else { throw .functionName }
                function = name
            case .translation: translation = try readTranslation(attribute, bytes, family)
            case .zone, nil: continue
            }
        }
        guard let tuple, let mask, let master else { throw .incompleteExpectation }
        guard tuple.protocol == mask.protocol else { throw .protocolMismatch }
        let key = ExpectationKey(tuple: tuple, sourceMask: mask.source, sourceKeyMask: mask.sourceKey)
        return Expectation(
            key: key, master: master, timeout: timeout, flags: flags, policy: policy, helper: helper,
            translation: translation, function: function)
    }

    /// Reads CTA_EXPECT_NAT: a direction, and the address and port that the helper saved.
    private static func readTranslation(
        _ attribute: Attribute, _ bytes: borrowing RawSpan, _ family: AddressFamily
    ) throws(MessageRefusal) -> ExpectationTranslation {
        var list = attribute.list
        var direction: UInt32?
        var saved: Tuple?
        while let inner = try list.next(bytes) {
            switch WireAttribute.ExpectationTranslation(rawValue: inner.number) {
            case .direction: direction = try inner.uint32(bytes)
            case .tuple: saved = try TupleParser.tuple(inner, bytes, family)
            case nil: continue
            }
        }
        guard let direction, let saved else { throw .incompleteExpectation }
        // IP_CT_DIR_ORIGINAL or IP_CT_DIR_REPLY.
        guard direction <= 1 else { throw .translationDirection }
        return ExpectationTranslation(isReply: direction == 1, address: saved.source, key: saved.sourceKey)
    }
}
