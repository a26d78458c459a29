internal import Bytes
internal import Conntrack

// A destroyed flow: flags (IPv6, zones), protocol, version, its original tuple, its zone if announced.
extension FlowCodec {
    static func encodeDestroy(_ original: Tuple, version: UInt64, into writer: inout ByteWriter) {
        var flags: Flags = original.family == .ipv6 ? .ipv6 : []
        if original.zone != 0 { flags.insert(.zones) }
        writer.append(flags.rawValue)
        writer.append(original.protocol.rawValue)
        writer.appendVarint(version)
        encodeTuple(original, into: &writer)
        if original.zone != 0 { writer.append(original.zone) }
    }

    /// Reads the body of a destroy message; `base` is the version that the interval begins with.
    static func decodeDestroy(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, base: UInt64
    ) throws(MessageRefusal) -> DestroyMessage {
        do {
            let flags = Flags(rawValue: try cursor.readUInt8(bytes))
            guard flags.isSubset(of: [.ipv6, .zones]) else { throw MessageRefusal.flags }
            let number = ProtocolNumber(rawValue: try cursor.readUInt8(bytes))
            let (version, overflow) = base.addingReportingOverflow(try cursor.readVarint(bytes))
            guard !overflow else { throw MessageRefusal.number }
            var original = try decodeTuple(&cursor, bytes, flags.contains(.ipv6) ? .ipv6 : .ipv4, number)
            if flags.contains(.zones) { original.zone = try cursor.readUInt16(bytes) }
            guard cursor.remaining == 0 else { throw MessageRefusal.family }
            return DestroyMessage(version: version, original: original)
        } catch {
            throw MessageRefusal(error)
        }
    }
}
