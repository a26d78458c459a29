internal import Bytes

/// A position among netlink attributes, in a message or inside another attribute.
struct AttributeList {
    private var cursor: ByteCursor

    init(_ cursor: ByteCursor) { self.cursor = cursor }

    /// The next attribute, nil behind the last one.
    @inline(__always)
    mutating func next(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> Attribute? {
        let left = cursor.remaining
        guard left > 0 else { return nil }
        do {
            let length = Int(try cursor.readNativeUInt16(bytes))
            let type = try cursor.readNativeUInt16(bytes)
            guard length >= Attribute.headerSize, length <= left else { throw MessageRefusal.truncatedAttribute }
            let payload = try cursor.slice(length - Attribute.headerSize)
            try cursor.skip(min(-length & 3, cursor.remaining))
            return Attribute(number: type & ~WireAttribute.flags, payload: payload)
        } catch {
            throw .truncatedAttribute
        }
    }
}

/// A netlink attribute (struct nlattr): numbers are big-endian in this subsystem, and have exactly their size.
struct Attribute {
    static let headerSize = 4

    let number: UInt16
    private let payload: ByteCursor

    init(number: UInt16, payload: ByteCursor) {
        self.number = number
        self.payload = payload
    }

    /// The attributes inside.
    var list: AttributeList { AttributeList(payload) }

    /// Bytes without the header.
    var size: Int { payload.remaining }

    func uint8(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> UInt8 {
        try expect(1)
        var cursor = payload
        do { return try cursor.readUInt8(bytes) } catch { throw .attributeSize }
    }

    func uint16(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> UInt16 {
        try expect(2)
        var cursor = payload
        do { return try cursor.readUInt16(bytes) } catch { throw .attributeSize }
    }

    func uint32(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> UInt32 {
        try expect(4)
        var cursor = payload
        do { return try cursor.readUInt32(bytes) } catch { throw .attributeSize }
    }

    func uint64Pair(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> (high: UInt64, low: UInt64) {
        try expect(16)
        var cursor = payload
        do { return (try cursor.readUInt64(bytes), try cursor.readUInt64(bytes)) } catch { throw .attributeSize }
    }

    private func expect(_ count: Int) throws(MessageRefusal) {
        guard size == count else { throw .attributeSize }
    }
}
