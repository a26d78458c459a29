internal import Bytes
internal import Conntrack

/// Builds ctnetlink requests for flows, one behind the other in one buffer.
struct FlowMessageWriter: ~Copyable {
    /// The largest request: an IPv6 TCP flow with NAT, a zone, a master and every extension takes 600 bytes.
    static let largestRequest = 640

    var buffer: ByteWriter

    init(requests: Int) { buffer = ByteWriter(capacity: requests * Self.largestRequest) }

    /// Whether the kernel's messages can say this flow: one zone or none a flow, both tuples of one kind, a helper's
    /// name that fits.
    static func canExpress(_ flow: Flow) -> Bool {
        let zones = (flow.original.zone, flow.reply.zone)
        return flow.original.family == flow.reply.family && flow.original.protocol == flow.reply.protocol
            && (zones.0 == zones.1 || zones.0 == 0 || zones.1 == 0)
            && flow.extensions.helper.count <= KernelName.helperLimit
    }

    mutating func create(_ flow: Flow, liberal: Bool, sequence: UInt32) {
        let flags = NetlinkMessage.Flags.create | NetlinkMessage.Flags.exclusive
        let start = begin(FlowParser.newMessage, flags: flags, sequence: sequence, family: flow.original.family)
        let plainReply = flow.original.inverted
        // The kernel translates a plain flow by itself: with the translated reply tuple the entry would carry the
        // tuples but no NAT (ctnetlink_setup_nat).
        let isTranslated = !flow.reply.isSameDirection(as: plainReply)
        appendTuple(.original, flow.original, zone: flow.original.zone != flow.reply.zone)
        var reply = isTranslated ? plainReply : flow.reply
        reply.zone = flow.reply.zone
        appendTuple(.reply, reply, zone: flow.original.zone != flow.reply.zone)
        appendZone(of: flow)
        append(.status, flow.createdStatus.rawValue)
        append(.timeout, flow.timeout.writable)
        if flow.mark != 0 { append(.mark, flow.mark) }
        if let master = flow.master { appendTuple(.master, master, zone: false) }
        if isTranslated { appendTranslation(of: flow) }
        appendState(of: flow, adding: liberal ? .beLiberal : [], mask: TCPFlags.replicated.union(.beLiberal))
        if !flow.extensions.helper.isNone { appendHelper(flow.extensions.helper) }
        appendChangeable(flow.extensions)
        finish(start)
    }

    /// Changes what ctnetlink lets change in an entry that is there.
    ///
    /// Not its reply tuple and master (EOPNOTSUPP), nor its helper (EOPNOTSUPP or EBUSY: only a creation gives one).
    /// Labels, sequence adjustments and SYN proxy are written where there are any: the first can only be taken away by
    /// making the entry anew, since without a ruleset that uses labels the kernel refuses even an empty set, and the
    /// other two are never taken away. Where an entry has no room for the last two the kernel ignores them.
    mutating func update(_ flow: Flow, liberal: Bool, sequence: UInt32) {
        let start = begin(FlowParser.newMessage, flags: 0, sequence: sequence, family: flow.original.family)
        appendTuple(.original, flow.original, zone: flow.original.zone != flow.reply.zone)
        appendZone(of: flow)
        append(.status, flow.updatedStatus.rawValue)
        // EPERM, and nothing else of the message done, where the entry's timeout is fixed.
        if !flow.isWrittenFixed { append(.timeout, flow.timeout.writable) }
        append(.mark, flow.mark)
        let added: TCPFlags = liberal ? .beLiberal : []
        appendState(of: flow, adding: added, mask: TCPFlags.replicated.union(added))
        appendChangeable(flow.extensions)
        finish(start)
    }

    mutating func makeStrict(_ flow: Flow, sequence: UInt32) {
        let start = begin(FlowParser.newMessage, flags: 0, sequence: sequence, family: flow.original.family)
        appendTuple(.original, flow.original, zone: flow.original.zone != flow.reply.zone)
        appendZone(of: flow)
        appendStrictness()
        finish(start)
    }

    mutating func prolong(_ flow: Flow, sequence: UInt32) {
        let start = begin(FlowParser.newMessage, flags: 0, sequence: sequence, family: flow.original.family)
        appendTuple(.original, flow.original, zone: flow.original.zone != flow.reply.zone)
        appendZone(of: flow)
        append(.timeout, flow.timeout.writable)
        finish(start)
    }

    mutating func delete(_ flow: Flow, sequence: UInt32) {
        let start = begin(FlowParser.deleteMessage, flags: 0, sequence: sequence, family: flow.original.family)
        appendTuple(.original, flow.original, zone: flow.original.zone != flow.reply.zone)
        appendZone(of: flow)
        finish(start)
    }

    /// Asks for all flows of a family, or of both.
    mutating func dump(_ family: AddressFamily?, sequence: UInt32) {
        let getMessage: UInt16 = 1 << 8 | 1
        finish(begin(getMessage, flags: NetlinkMessage.Flags.dump, sequence: sequence, family: family))
    }

    /// Asks for the flow with an original tuple.
    mutating func get(_ original: Tuple, sequence: UInt32) {
        let getMessage: UInt16 = 1 << 8 | 1
        let start = begin(getMessage, flags: 0, sequence: sequence, family: original.family)
        appendTuple(.original, original, zone: false)
        if original.zone != 0 { appendUInt16(WireAttribute.Flow.zone.rawValue, original.zone) }
        finish(start)
    }

    // MARK: Parts of a flow

    private mutating func appendTuple(_ kind: WireAttribute.Flow, _ tuple: Tuple, zone: Bool) {
        appendTuple(kind.rawValue, tuple, zone: zone)
    }

    mutating func appendTuple(_ type: UInt16, _ tuple: Tuple, zone: Bool) {
        let whole = open(type)
        let addresses = open(WireAttribute.Tuple.addresses.rawValue)
        switch tuple.family {
        case .ipv4:
            append(WireAttribute.Addresses.sourceIPv4.rawValue, tuple.source, .ipv4)
            append(WireAttribute.Addresses.destinationIPv4.rawValue, tuple.destination, .ipv4)
        case .ipv6:
            append(WireAttribute.Addresses.sourceIPv6.rawValue, tuple.source, .ipv6)
            append(WireAttribute.Addresses.destinationIPv6.rawValue, tuple.destination, .ipv6)
        }
        close(addresses)
        let keys = open(WireAttribute.Tuple.protocol.rawValue)
        appendKeys(of: tuple)
        close(keys)
        if zone, tuple.zone != 0 { appendUInt16(WireAttribute.Tuple.zone.rawValue, tuple.zone) }
        close(whole)
    }

    private mutating func appendKeys(of tuple: Tuple) {
        typealias Key = WireAttribute.Keys
        appendUInt8(Key.number.rawValue, tuple.protocol.rawValue)
        let type = UInt8(tuple.destinationKey >> 8)
        let code = UInt8(truncatingIfNeeded: tuple.destinationKey)
        switch tuple.protocol {
        case .icmp:
            appendUInt16(Key.icmpID.rawValue, tuple.sourceKey)
            appendUInt8(Key.icmpType.rawValue, type)
            appendUInt8(Key.icmpCode.rawValue, code)
        case .icmpv6:
            appendUInt16(Key.icmpv6ID.rawValue, tuple.sourceKey)
            appendUInt8(Key.icmpv6Type.rawValue, type)
            appendUInt8(Key.icmpv6Code.rawValue, code)
        case let other where other.hasPorts || other == .gre:
            appendUInt16(Key.sourcePort.rawValue, tuple.sourceKey)
            appendUInt16(Key.destinationPort.rawValue, tuple.destinationKey)
        default: break
        }
    }

    /// A zone of both directions stands outside the tuples, a zone of one direction inside its tuple.
    private mutating func appendZone(of flow: Flow) {
        guard flow.original.zone == flow.reply.zone, flow.original.zone != 0 else { return }
        appendUInt16(WireAttribute.Flow.zone.rawValue, flow.original.zone)
    }

    /// Both ranges with minimum = maximum for address and key, so that the kernel has nothing to choose.
    ///
    /// The kernel sets up the destination first, then the source, each from the tuples as they stand; a side that
    /// stays as it is gets its own values. An ICMP flow has one key, the id, which both sides name: the destination
    /// range keeps the original one and the source range translates it (nf_nat_core.c, get_unique_tuple).
    private mutating func appendTranslation(of flow: Flow) {
        let isICMP = flow.original.protocol.isICMP
        appendRange(.destinationNAT, flow.reply.source, isICMP ? flow.original.sourceKey : flow.reply.sourceKey, flow)
        appendRange(.sourceNAT, flow.reply.destination, isICMP ? flow.reply.sourceKey : flow.reply.destinationKey, flow)
    }

    private mutating func appendRange(_ side: WireAttribute.Flow, _ address: Address, _ key: UInt16, _ flow: Flow) {
        let whole = open(side.rawValue)
        switch flow.original.family {
        case .ipv4:
            append(WireAttribute.NAT.minimumIPv4.rawValue, address, .ipv4)
            append(WireAttribute.NAT.maximumIPv4.rawValue, address, .ipv4)
        case .ipv6:
            append(WireAttribute.NAT.minimumIPv6.rawValue, address, .ipv6)
            append(WireAttribute.NAT.maximumIPv6.rawValue, address, .ipv6)
        }
        let kind = flow.original.protocol
        if kind.hasPorts || kind.isICMP || kind == .gre && key != 0 {
            let keys = open(WireAttribute.NAT.keys.rawValue)
            appendUInt16(WireAttribute.NATKeys.minimum.rawValue, key)
            appendUInt16(WireAttribute.NATKeys.maximum.rawValue, key)
            close(keys)
        }
        close(whole)
    }
}
