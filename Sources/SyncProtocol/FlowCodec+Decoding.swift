internal import Bytes
internal import Conntrack

extension FlowCodec {
    /// Reads the body of a flow message; `base` is the version that the interval begins with.
    static func decode(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, base: UInt64
    ) throws(MessageRefusal) -> FlowMessage {
        do {
            let flags = Flags(rawValue: try cursor.readUInt8(bytes))
            var extended: Extended = []
            if flags.contains(.extended) {
                extended = Extended(rawValue: try cursor.readUInt8(bytes))
                guard extended.isSubset(of: .all), !extended.isEmpty else { throw MessageRefusal.flags }
            }
            let number = ProtocolNumber(rawValue: try cursor.readUInt8(bytes))
            let (version, overflow) = base.addingReportingOverflow(try cursor.readVarint(bytes))
            guard !overflow else { throw MessageRefusal.number }
            guard let statusBits = UInt32(exactly: try cursor.readVarint(bytes)) else { throw MessageRefusal.number }
            let status = FlowStatus(rawValue: statusBits)
            guard status.isSubset(of: .replicated) else { throw MessageRefusal.status }
            let timeout = try cursor.readVarint(bytes)
            guard timeout <= UInt64(Flow.maximumTimeout) else { throw MessageRefusal.timeout }
            let family: AddressFamily = flags.contains(.ipv6) ? .ipv6 : .ipv4
            var original = try decodeTuple(&cursor, bytes, family, number)
            var reply = original.inverted
            if flags.contains(.reply) { try decodeTranslated(&cursor, bytes, &reply) }
            let mark = flags.contains(.mark) ? try cursor.readUInt32(bytes) : 0
            if flags.contains(.zones) {
                original.zone = try cursor.readUInt16(bytes)
                reply.zone = try cursor.readUInt16(bytes)
            }
            var state = ProtocolState.none
            if flags.contains(.tcp) {
                guard number == .tcp else { throw MessageRefusal.foreignState }
                state = .tcp(try decodeTCP(&cursor, bytes))
            }
            var master: Tuple?
            if flags.contains(.master) {
                let masterNumber = ProtocolNumber(rawValue: try cursor.readUInt8(bytes))
                var tuple = try decodeTuple(&cursor, bytes, family, masterNumber)
                tuple.zone = original.zone
                guard tuple != original else { throw MessageRefusal.master }
                master = tuple
            }
            var flow = Flow(
                original: original, reply: reply, master: master, status: status, timeout: UInt32(timeout), mark: mark,
                state: state)
            if !extended.isEmpty { try decode(extended, of: &flow, &cursor, bytes) }
            // The attributes of a wire version are fixed, so what is left belongs to other addresses than announced.
            guard cursor.remaining == 0 else { throw MessageRefusal.family }
            return FlowMessage(version: version, flow: flow, isReplacement: flags.contains(.replacement))
        } catch {
            throw MessageRefusal(error)
        }
    }

    /// Reads addresses and keys of a tuple in zone 0.
    ///
    /// ICMP stands in IPv4 alone and ICMPv6 in IPv6: the kernel tracks no other (nf_conntrack_proto_icmp.c and
    /// nf_conntrack_proto_icmpv6.c).
    static func decodeTuple(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, _ family: AddressFamily, _ number: ProtocolNumber
    ) throws -> Tuple {
        guard number != (family == .ipv4 ? .icmpv6 : .icmp), cursor.remaining >= 2 * family.bits / 8 else {
            throw MessageRefusal.family
        }
        let source = try decodeAddress(&cursor, bytes, family)
        let destination = try decodeAddress(&cursor, bytes, family)
        var tuple = Tuple(source: source, destination: destination, family: family, protocol: number)
        if hasKeys(number) {
            tuple.sourceKey = try cursor.readUInt16(bytes)
            tuple.destinationKey = try cursor.readUInt16(bytes)
        }
        return tuple
    }

    private static func decodeTranslated(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, _ reply: inout Tuple
    ) throws {
        let translated = Translated(rawValue: try cursor.readUInt8(bytes))
        guard translated.rawValue & 0xf0 == 0, !translated.isEmpty else { throw MessageRefusal.flags }
        let translatesKeys = translated.contains(.sourceKey) || translated.contains(.destinationKey)
        guard !translatesKeys || hasKeys(reply.protocol) else { throw MessageRefusal.key }
        if translated.contains(.source) { reply.source = try decodeAddress(&cursor, bytes, reply.family) }
        if translated.contains(.destination) { reply.destination = try decodeAddress(&cursor, bytes, reply.family) }
        if translated.contains(.sourceKey) { reply.sourceKey = try cursor.readUInt16(bytes) }
        if translated.contains(.destinationKey) { reply.destinationKey = try cursor.readUInt16(bytes) }
    }

    private static func decodeTCP(_ cursor: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> TCPInfo {
        guard let state = TCPState(rawValue: try cursor.readUInt8(bytes)) else { throw MessageRefusal.tcpState }
        let scales = try cursor.readUInt8(bytes)
        guard scales >> 4 <= 14, scales & 0x0f <= 14 else { throw MessageRefusal.windowScale }
        let original = TCPFlags(rawValue: try cursor.readUInt8(bytes))
        let reply = TCPFlags(rawValue: try cursor.readUInt8(bytes))
        guard original.isSubset(of: .replicated), reply.isSubset(of: .replicated) else { throw MessageRefusal.flags }
        return TCPInfo(
            state: state, originalScale: scales >> 4, replyScale: scales & 0x0f, originalFlags: original,
            replyFlags: reply)
    }

    static func decodeAddress(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, _ family: AddressFamily
    ) throws -> Address {
        switch family {
        case .ipv4:
            return Address(ipv4: try cursor.readUInt32(bytes))
        case .ipv6:
            let high = try cursor.readUInt64(bytes)
            return Address(high: high, low: try cursor.readUInt64(bytes))
        }
    }
}
