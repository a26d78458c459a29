internal import Bytes
internal import Conntrack

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

    func uint64(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> UInt64 {
        try expect(8)
        var cursor = payload
        do { return try cursor.readUInt64(bytes) } catch { throw .attributeSize }
    }

    func uint64Pair(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> (high: UInt64, low: UInt64) {
        try expect(16)
        var cursor = payload
        do { return (try cursor.readUInt64(bytes), try cursor.readUInt64(bytes)) } catch { throw .attributeSize }
    }

    /// The payload as 32-bit words of the machine's order, four at most; those that are missing are zero.
    ///
    /// Nil if it is longer, or no whole number of words.
    func nativeWords(_ bytes: borrowing RawSpan) -> SIMD4<UInt32>? {
        guard size <= 16, size.isMultiple(of: 4) else { return nil }
        var cursor = payload
        var words = SIMD4<UInt32>()
        for place in 0..<size / 4 {
            guard let word = try? cursor.readNativeUInt32(bytes) else { return nil }
            words[place] = word
        }
        return words
    }

    /// The payload as a name, with or without its final zero; nil if it is none, or longer than `limit` bytes.
    func name(_ bytes: borrowing RawSpan, limit: Int) -> KernelName? {
        guard size > 0, size <= limit + 1 else { return nil }
        var cursor = payload
        var text = ShortText()
        while cursor.remaining > 0 {
            guard let byte = try? cursor.readUInt8(bytes) else { return nil }
            if byte == 0, cursor.remaining == 0 { break }
            guard text.count < limit else { return nil }
            text.append(byte)
        }
        return KernelName(bytes: text)
    }

    private func expect(_ count: Int) throws(MessageRefusal) {
        guard size == count else { throw .attributeSize }
    }
}
