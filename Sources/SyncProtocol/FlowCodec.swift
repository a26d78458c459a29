internal import Bytes
internal import Conntrack

/// The bytes of a flow in a message.
///
/// ```
/// flags, protocol, version (varint, counted from the interval's start), status (varint), timeout (varint, seconds),
/// source, destination, keys                          the original tuple; keys only where the protocol has them
/// [which parts of the reply are translated, those]   flag `reply`; without it the reply is the inverse
/// [mark]  [zone of the original, of the reply]  [TCP state, scales, flags original, flags reply]  [master's tuple]
/// [SCTP state, tags]  [DCCP state, role, number]  [helper]  [labels]  [sequence adjustments]  [SYN proxy]
/// ```
/// Addresses have 4 or 16 bytes. What the flags do not announce is zero. The second byte of flags, which announces the
/// last line, stands behind the first. The longest flow has 211 bytes.
enum FlowCodec {
    struct Flags: OptionSet {
        let rawValue: UInt8
        static let ipv6 = Flags(rawValue: 0x01)
        static let reply = Flags(rawValue: 0x02)
        static let mark = Flags(rawValue: 0x04)
        static let zones = Flags(rawValue: 0x08)
        static let tcp = Flags(rawValue: 0x10)
        static let replacement = Flags(rawValue: 0x20)
        static let master = Flags(rawValue: 0x40)
        /// A byte of `Extended` follows.
        static let extended = Flags(rawValue: 0x80)
    }

    /// What few flows have.
    struct Extended: OptionSet {
        let rawValue: UInt8
        static let sctp = Extended(rawValue: 0x01)
        static let dccp = Extended(rawValue: 0x02)
        static let helper = Extended(rawValue: 0x04)
        static let labels = Extended(rawValue: 0x08)
        static let sequence = Extended(rawValue: 0x10)
        static let synproxy = Extended(rawValue: 0x20)
        static let all = Extended(rawValue: 0x3f)
    }

    /// Parts of a reply tuple that differ from the inverse of the original.
    struct Translated: OptionSet {
        let rawValue: UInt8
        static let source = Translated(rawValue: 0x01)
        static let destination = Translated(rawValue: 0x02)
        static let sourceKey = Translated(rawValue: 0x04)
        static let destinationKey = Translated(rawValue: 0x08)
    }

    static func encode(_ flow: Flow, version: UInt64, isReplacement: Bool, into writer: inout ByteWriter) {
        let inverse = flow.original.inverted
        var flags: Flags = flow.original.family == .ipv6 ? .ipv6 : []
        var translated: Translated = []
        if flow.reply.source != inverse.source { translated.insert(.source) }
        if flow.reply.destination != inverse.destination { translated.insert(.destination) }
        if flow.reply.sourceKey != inverse.sourceKey { translated.insert(.sourceKey) }
        if flow.reply.destinationKey != inverse.destinationKey { translated.insert(.destinationKey) }
        if !translated.isEmpty { flags.insert(.reply) }
        if flow.mark != 0 { flags.insert(.mark) }
        if flow.original.zone != 0 || flow.reply.zone != 0 { flags.insert(.zones) }
        if flow.tcp != nil { flags.insert(.tcp) }
        if isReplacement { flags.insert(.replacement) }
        if flow.master != nil { flags.insert(.master) }
        let extended = Self.extended(of: flow)
        if !extended.isEmpty { flags.insert(.extended) }

        writer.append(flags.rawValue)
        if !extended.isEmpty { writer.append(extended.rawValue) }
        writer.append(flow.original.protocol.rawValue)
        writer.appendVarint(version)
        writer.appendVarint(UInt64(flow.status.intersection(.replicated).rawValue))
        writer.appendVarint(UInt64(flow.timeout))
        encodeTuple(flow.original, into: &writer)
        if flags.contains(.reply) {
            writer.append(translated.rawValue)
            if translated.contains(.source) { encode(flow.reply.source, flow.reply.family, into: &writer) }
            if translated.contains(.destination) { encode(flow.reply.destination, flow.reply.family, into: &writer) }
            if translated.contains(.sourceKey) { writer.append(flow.reply.sourceKey) }
            if translated.contains(.destinationKey) { writer.append(flow.reply.destinationKey) }
        }
        if flags.contains(.mark) { writer.append(flow.mark) }
        if flags.contains(.zones) {
            writer.append(flow.original.zone)
            writer.append(flow.reply.zone)
        }
        if let tcp = flow.tcp {
            writer.append(tcp.state.rawValue)
            writer.append(tcp.originalScale << 4 | tcp.replyScale & 0x0f)
            writer.append(tcp.originalFlags.intersection(.replicated).rawValue)
            writer.append(tcp.replyFlags.intersection(.replicated).rawValue)
        }
        if let master = flow.master {
            writer.append(master.protocol.rawValue)
            encodeTuple(master, into: &writer)
        }
        if !extended.isEmpty { encode(extended, of: flow, into: &writer) }
    }

    /// Addresses and keys of a tuple; its family, protocol and zone stand elsewhere.
    static func encodeTuple(_ tuple: Tuple, into writer: inout ByteWriter) {
        encode(tuple.source, tuple.family, into: &writer)
        encode(tuple.destination, tuple.family, into: &writer)
        if hasKeys(tuple.protocol) {
            writer.append(tuple.sourceKey)
            writer.append(tuple.destinationKey)
        }
    }

    static func hasKeys(_ number: ProtocolNumber) -> Bool { number.hasPorts || number.isICMP || number == .gre }

    static func encode(_ address: Address, _ family: AddressFamily, into writer: inout ByteWriter) {
        switch family {
        case .ipv4:
            writer.append(UInt32(truncatingIfNeeded: address.low))
        case .ipv6:
            writer.append(address.high)
            writer.append(address.low)
        }
    }
}
