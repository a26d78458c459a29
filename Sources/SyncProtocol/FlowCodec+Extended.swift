internal import Bytes
internal import Conntrack

// What few flows have, in the order of the second byte of flags.
extension FlowCodec {
    /// What a flow has of it.
    static func extended(of flow: Flow) -> Extended {
        var extended: Extended = []
        switch flow.state {
        case .sctp: extended.insert(.sctp)
        case .dccp: extended.insert(.dccp)
        case .none, .tcp: break
        }
        if !flow.extensions.helper.isNone { extended.insert(.helper) }
        if !flow.extensions.labels.isEmpty { extended.insert(.labels) }
        if !flow.extensions.sequence.isNone { extended.insert(.sequence) }
        if !flow.extensions.synproxy.isNone { extended.insert(.synproxy) }
        return extended
    }

    /// Writes what `extended` names.
    static func encode(_ extended: Extended, of flow: Flow, into writer: inout ByteWriter) {
        if case .sctp(let info) = flow.state {
            writer.append(info.state.rawValue)
            writer.append(info.originalTag)
            writer.append(info.replyTag)
        }
        if case .dccp(let info) = flow.state {
            writer.append(info.state.rawValue)
            writer.append(UInt8(info.originalIsServer ? 1 : 0))
            writer.append(info.handshakeSequence)
        }
        let extensions = flow.extensions
        if extended.contains(.helper) { encode(extensions.helper, into: &writer) }
        if extended.contains(.labels) { encode(extensions.labels, into: &writer) }
        if extended.contains(.sequence) {
            encode(extensions.sequence.original, into: &writer)
            encode(extensions.sequence.reply, into: &writer)
        }
        if extended.contains(.synproxy) {
            writer.append(extensions.synproxy.initialSequence)
            writer.append(extensions.synproxy.initialTimestamp)
            writer.append(extensions.synproxy.timestampOffset)
        }
    }

    /// Reads what `extended` names into a flow.
    static func decode(
        _ extended: Extended, of flow: inout Flow, _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws {
        let number = flow.original.protocol
        if extended.contains(.sctp) {
            guard number == .sctp else { throw MessageRefusal.foreignState }
            guard let state = SCTPState(rawValue: try cursor.readUInt8(bytes)) else { throw MessageRefusal.sctpState }
            let originalTag = try cursor.readUInt32(bytes)
            flow.state = .sctp(
                SCTPInfo(state: state, originalTag: originalTag, replyTag: try cursor.readUInt32(bytes)))
        }
        if extended.contains(.dccp) {
            guard number == .dccp else { throw MessageRefusal.foreignState }
            flow.state = .dccp(try decodeDCCP(&cursor, bytes))
        }
        if extended.contains(.helper) {
            flow.extensions.helper = try decodeName(&cursor, bytes, limit: KernelName.helperLimit)
        }
        if extended.contains(.labels) { flow.extensions.labels = try decodeLabels(&cursor, bytes) }
        if extended.contains(.sequence) {
            flow.extensions.sequence.original = try decodeAdjustment(&cursor, bytes)
            flow.extensions.sequence.reply = try decodeAdjustment(&cursor, bytes)
        }
        if extended.contains(.synproxy) {
            flow.extensions.synproxy.initialSequence = try cursor.readUInt32(bytes)
            flow.extensions.synproxy.initialTimestamp = try cursor.readUInt32(bytes)
            flow.extensions.synproxy.timestampOffset = try cursor.readUInt32(bytes)
        }
    }

    private static func decodeDCCP(_ cursor: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> DCCPInfo {
        let state = DCCPState(rawValue: try cursor.readUInt8(bytes))
        let role = try cursor.readUInt8(bytes)
        let sequence = try cursor.readUInt64(bytes)
        guard let state, role <= 1, sequence >> 48 == 0 else { throw MessageRefusal.dccpState }
        return DCCPInfo(state: state, originalIsServer: role == 1, handshakeSequence: sequence)
    }

    // MARK: Names

    /// Writes a name behind its length.
    static func encode(_ name: KernelName, into writer: inout ByteWriter) {
        let count = name.count
        writer.append(UInt8(count))
        for place in 0..<count { writer.append(name[place]) }
    }

    /// Reads a name of at most `limit` bytes.
    static func decodeName(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, limit: Int
    ) throws -> KernelName {
        let count = Int(try cursor.readUInt8(bytes))
        guard (1...limit).contains(count) else { throw MessageRefusal.kernelName }
        var text: [UInt8] = []
        text.reserveCapacity(count)
        for _ in 0..<count { text.append(try cursor.readUInt8(bytes)) }
        guard let name = KernelName(bytes: text) else { throw MessageRefusal.kernelName }
        return name
    }

    // MARK: Labels

    /// Writes the labels behind their length, label 0 in the lowest bit of the first byte, up to the last word of four
    /// bytes that is not zero.
    private static func encode(_ labels: ConnectionLabels, into writer: inout ByteWriter) {
        let used = labels.high != 0 ? 128 - labels.high.leadingZeroBitCount : 64 - labels.low.leadingZeroBitCount
        let count = (used + 31) / 32
        writer.append(UInt8(4 * count))
        for place in 0..<count {
            let half = place < 2 ? labels.low : labels.high
            writer.append(UInt32(truncatingIfNeeded: half >> UInt64(place % 2 * 32)).byteSwapped)
        }
    }

    private static func decodeLabels(_ cursor: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> ConnectionLabels
    {
        let count = Int(try cursor.readUInt8(bytes))
        guard count.isMultiple(of: 4), (4...16).contains(count) else { throw MessageRefusal.labels }
        var labels = ConnectionLabels()
        for place in 0..<count / 4 {
            let word = UInt64(try cursor.readUInt32(bytes).byteSwapped) << UInt64(place % 2 * 32)
            if place < 2 { labels.low |= word } else { labels.high |= word }
        }
        return labels
    }

    // MARK: Sequence adjustments

    private static func encode(_ adjustment: SequenceAdjustment, into writer: inout ByteWriter) {
        writer.append(adjustment.position)
        writer.append(UInt32(bitPattern: adjustment.before))
        writer.append(UInt32(bitPattern: adjustment.after))
    }

    private static func decodeAdjustment(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws -> SequenceAdjustment {
        let position = try cursor.readUInt32(bytes)
        let before = Int32(bitPattern: try cursor.readUInt32(bytes))
        return SequenceAdjustment(
            position: position, before: before, after: Int32(bitPattern: try cursor.readUInt32(bytes)))
    }
}
