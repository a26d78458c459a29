internal import Bytes
internal import Conntrack

/// The bytes of an expectation in a message.
///
/// ```
/// shape, protocol, version (varint, counted from the interval's start)
/// source, destination, keys                          the expected tuple; keys only where the protocol has them
/// mask of the source, mask of its key                as long as an address; 2
/// timeout (varint, seconds), policy (varint), flags, master's protocol and tuple
/// [helper]  [function]  [address and key of the translation]  [zone of both tuples]
/// ```
/// A destroy ends behind the masks, but for the zone. Addresses have 4 or 16 bytes. The longest has 176 bytes.
enum ExpectationCodec {
    struct Shape: OptionSet {
        let rawValue: UInt8
        static let ipv6 = Shape(rawValue: 0x01)
        static let helper = Shape(rawValue: 0x02)
        static let function = Shape(rawValue: 0x04)
        static let zone = Shape(rawValue: 0x08)
        static let translation = Shape(rawValue: 0x10)
        /// The translated flow goes in the reply direction of its master.
        static let reply = Shape(rawValue: 0x20)
        static let all = Shape(rawValue: 0x3f)
    }

    static func encode(_ expectation: Expectation, version: UInt64, into writer: inout ByteWriter) {
        var shape = shape(of: expectation.key)
        if !expectation.helper.isNone { shape.insert(.helper) }
        if !expectation.function.isNone { shape.insert(.function) }
        if let translation = expectation.translation {
            shape.insert(.translation)
            if translation.isReply { shape.insert(.reply) }
        }
        encodeFront(shape, expectation.key, version: version, into: &writer)
        writer.appendVarint(UInt64(expectation.timeout))
        writer.appendVarint(UInt64(expectation.policy))
        writer.append(expectation.flags.intersection(.replicated).rawValue)
        writer.append(expectation.master.protocol.rawValue)
        FlowCodec.encodeTuple(expectation.master, into: &writer)
        if shape.contains(.helper) { FlowCodec.encode(expectation.helper, into: &writer) }
        if shape.contains(.function) { FlowCodec.encode(expectation.function, into: &writer) }
        if let translation = expectation.translation {
            FlowCodec.encode(translation.address, expectation.key.tuple.family, into: &writer)
            writer.append(translation.key)
        }
        if shape.contains(.zone) { writer.append(expectation.key.tuple.zone) }
    }

    static func encodeDestroy(_ key: ExpectationKey, version: UInt64, into writer: inout ByteWriter) {
        let shape = shape(of: key)
        encodeFront(shape, key, version: version, into: &writer)
        if shape.contains(.zone) { writer.append(key.tuple.zone) }
    }

    /// Reads the body of an expectation message; `base` is the version that the interval begins with.
    static func decode(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, base: UInt64
    ) throws(MessageRefusal) -> ExpectationMessage {
        do {
            var (shape, key, version) = try decodeFront(.all, &cursor, bytes, base: base)
            guard shape.contains(.translation) || !shape.contains(.reply) else { throw MessageRefusal.flags }
            let timeout = try cursor.readVarint(bytes)
            guard timeout <= UInt64(Flow.maximumTimeout) else { throw MessageRefusal.timeout }
            guard let policy = UInt32(exactly: try cursor.readVarint(bytes)) else { throw MessageRefusal.number }
            let flags = ExpectationFlags(rawValue: try cursor.readUInt8(bytes))
            guard flags.isSubset(of: .replicated) else { throw MessageRefusal.flags }
            let masterNumber = ProtocolNumber(rawValue: try cursor.readUInt8(bytes))
            var master = try FlowCodec.decodeTuple(&cursor, bytes, key.tuple.family, masterNumber)
            guard master != key.tuple else { throw MessageRefusal.master }
            let helper =
                shape.contains(.helper)
                ? try FlowCodec.decodeName(&cursor, bytes, limit: KernelName.helperLimit) : .none
            let function =
                shape.contains(.function) ? try FlowCodec.decodeName(&cursor, bytes, limit: KernelName.limit) : .none
            var translation: ExpectationTranslation?
            if shape.contains(.translation) {
                let address = try FlowCodec.decodeAddress(&cursor, bytes, key.tuple.family)
                let port = try cursor.readUInt16(bytes)
                guard port == 0 || FlowCodec.hasKeys(key.tuple.protocol) else { throw MessageRefusal.key }
                translation = ExpectationTranslation(isReply: shape.contains(.reply), address: address, key: port)
            }
            if shape.contains(.zone) {
                key.tuple.zone = try cursor.readUInt16(bytes)
                master.zone = key.tuple.zone
            }
            guard cursor.remaining == 0 else { throw MessageRefusal.family }
            let expectation = Expectation(
                key: key, master: master, timeout: UInt32(timeout), flags: flags, policy: policy, helper: helper,
                translation: translation, function: function)
            return ExpectationMessage(version: version, expectation: expectation)
        } catch {
            throw MessageRefusal(error)
        }
    }

    /// Reads the body of an expectation's destroy; `base` is the version that the interval begins with.
    static func decodeDestroy(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, base: UInt64
    ) throws(MessageRefusal) -> ExpectationDestroyMessage {
        do {
            var (shape, key, version) = try decodeFront([.ipv6, .zone], &cursor, bytes, base: base)
            if shape.contains(.zone) { key.tuple.zone = try cursor.readUInt16(bytes) }
            guard cursor.remaining == 0 else { throw MessageRefusal.family }
            return ExpectationDestroyMessage(version: version, key: key)
        } catch {
            throw MessageRefusal(error)
        }
    }

    // MARK: What an expectation and its destroy share

    private static func shape(of key: ExpectationKey) -> Shape {
        var shape: Shape = key.tuple.family == .ipv6 ? .ipv6 : []
        if key.tuple.zone != 0 { shape.insert(.zone) }
        return shape
    }

    private static func encodeFront(
        _ shape: Shape, _ key: ExpectationKey, version: UInt64, into writer: inout ByteWriter
    ) {
        writer.append(shape.rawValue)
        writer.append(key.tuple.protocol.rawValue)
        writer.appendVarint(version)
        FlowCodec.encodeTuple(key.tuple, into: &writer)
        FlowCodec.encode(key.sourceMask, key.tuple.family, into: &writer)
        writer.append(key.sourceKeyMask)
    }

    private static func decodeFront(
        _ known: Shape, _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, base: UInt64
    ) throws -> (shape: Shape, key: ExpectationKey, version: UInt64) {
        let shape = Shape(rawValue: try cursor.readUInt8(bytes))
        guard shape.isSubset(of: known) else { throw MessageRefusal.flags }
        let number = ProtocolNumber(rawValue: try cursor.readUInt8(bytes))
        let (version, overflow) = base.addingReportingOverflow(try cursor.readVarint(bytes))
        guard !overflow else { throw MessageRefusal.number }
        let family: AddressFamily = shape.contains(.ipv6) ? .ipv6 : .ipv4
        let tuple = try FlowCodec.decodeTuple(&cursor, bytes, family, number)
        let mask = try FlowCodec.decodeAddress(&cursor, bytes, family)
        let keyMask = try cursor.readUInt16(bytes)
        guard keyMask == 0 || FlowCodec.hasKeys(number) else { throw MessageRefusal.key }
        return (shape, ExpectationKey(tuple: tuple, sourceMask: mask, sourceKeyMask: keyMask), version)
    }
}
