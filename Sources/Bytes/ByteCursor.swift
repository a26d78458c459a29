/// Why bytes could not be read.
public enum ByteError: Error, Equatable, Sendable {
    /// A field reaches beyond the end.
    case truncated
    /// A variable-length integer is longer than 64 bits.
    case integerTooLong
}

/// A position in bytes that somebody else owns; each read checks the end once and moves on.
///
/// The cursor stores no span, so it needs no lifetime: the bytes are passed to each read. Numbers are big-endian
/// unless a name says otherwise. After a thrown error the position is where the failed field begins.
public struct ByteCursor: Sendable {
    @usableFromInline var position: Int
    /// Offset behind the last byte that may be read.
    public let end: Int

    /// Makes a cursor over all of `bytes`.
    @inlinable public init(_ bytes: borrowing RawSpan) { self.init(from: 0, to: bytes.byteCount) }

    /// Makes a cursor over the bytes from `start` up to, not including, `end`.
    @inlinable public init(from start: Int, to end: Int) {
        precondition(start >= 0 && start <= end)
        self.init(checkedOffset: start, end: end)
    }

    @inlinable init(checkedOffset: Int, end: Int) {
        self.position = checkedOffset
        self.end = end
    }

    /// Offset of the next byte to read.
    @inlinable public var offset: Int { position }

    /// Bytes left to read.
    @inlinable public var remaining: Int { end - offset }

    /// Moves on without reading.
    @inlinable public mutating func skip(_ count: Int) throws(ByteError) {
        guard count >= 0, count <= remaining else { throw .truncated }
        position += count
    }

    /// Takes the next `count` bytes as a cursor of their own.
    @inlinable public mutating func slice(_ count: Int) throws(ByteError) -> ByteCursor {
        let start = offset
        try skip(count)
        return ByteCursor(checkedOffset: start, end: offset)
    }

    /// Reads one byte.
    @inlinable public mutating func readUInt8(_ bytes: borrowing RawSpan) throws(ByteError) -> UInt8 {
        try load(bytes, as: UInt8.self)
    }

    /// Reads two bytes, big-endian.
    @inlinable public mutating func readUInt16(_ bytes: borrowing RawSpan) throws(ByteError) -> UInt16 {
        UInt16(bigEndian: try load(bytes, as: UInt16.self))
    }

    /// Reads four bytes, big-endian.
    @inlinable public mutating func readUInt32(_ bytes: borrowing RawSpan) throws(ByteError) -> UInt32 {
        UInt32(bigEndian: try load(bytes, as: UInt32.self))
    }

    /// Reads eight bytes, big-endian.
    @inlinable public mutating func readUInt64(_ bytes: borrowing RawSpan) throws(ByteError) -> UInt64 {
        UInt64(bigEndian: try load(bytes, as: UInt64.self))
    }

    /// Reads two bytes in the machine's order (netlink headers).
    @inlinable public mutating func readNativeUInt16(_ bytes: borrowing RawSpan) throws(ByteError) -> UInt16 {
        try load(bytes, as: UInt16.self)
    }

    /// Reads four bytes in the machine's order (netlink headers).
    @inlinable public mutating func readNativeUInt32(_ bytes: borrowing RawSpan) throws(ByteError) -> UInt32 {
        try load(bytes, as: UInt32.self)
    }

    /// Reads an unsigned LEB128 integer of at most ten bytes (DWARF 5, section 7.6).
    @inlinable public mutating func readVarint(_ bytes: borrowing RawSpan) throws(ByteError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let byte: UInt8
            do { byte = try readUInt8(bytes) } catch {
                position = start
                throw error
            }
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        position = start
        throw .integerTooLong
    }

    /// Reads `count` bytes as text; bytes that are not UTF-8 become replacement characters.
    @inlinable public mutating func readText(_ bytes: borrowing RawSpan, count: Int) throws(ByteError) -> String {
        let start = offset
        try skip(count)
        var units: [UInt8] = []
        units.reserveCapacity(count)
        for position in start..<offset {
            units.append(unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self))
        }
        return String(decoding: units, as: UTF8.self)
    }

    @inlinable mutating func load<Value: BitwiseCopyable>(
        _ bytes: borrowing RawSpan, as type: Value.Type
    ) throws(ByteError) -> Value {
        precondition(end <= bytes.byteCount, "a cursor was used with bytes that it was not made for")
        guard MemoryLayout<Value>.size <= remaining else { throw .truncated }
        let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type)
        position += MemoryLayout<Value>.size
        return value
    }
}
