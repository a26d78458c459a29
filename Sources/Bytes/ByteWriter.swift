/// A buffer of fixed capacity that is filled from the front; the owner of one outgoing datagram or netlink batch.
///
/// A write that does not fit writes nothing and sets `overflowed`; whoever packs takes a `mark` before a record and
/// rewinds to it when the record did not fit. So no write throws, and none grows the buffer.
@safe public struct ByteWriter: ~Copyable {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// Bytes that fit at most.
    public let capacity: Int
    @usableFromInline var written = 0
    @usableFromInline var refused = false

    /// Allocates an empty buffer.
    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    /// Bytes written so far.
    @inlinable public var count: Int { written }

    /// Whether a write since the last rewind did not fit.
    @inlinable public var overflowed: Bool { refused }

    /// Bytes that still fit.
    @inlinable public var remaining: Int { capacity - written }

    /// Forgets what was written behind `mark`, an earlier `count`, and the overflow.
    @inlinable public mutating func rewind(to mark: Int = 0) {
        precondition(mark >= 0 && mark <= count)
        written = mark
        refused = false
    }

    /// Writes one byte.
    @inlinable public mutating func append(_ value: UInt8) { store(value) }

    /// Writes two bytes, big-endian.
    @inlinable public mutating func append(_ value: UInt16) { store(value.bigEndian) }

    /// Writes four bytes, big-endian.
    @inlinable public mutating func append(_ value: UInt32) { store(value.bigEndian) }

    /// Writes eight bytes, big-endian.
    @inlinable public mutating func append(_ value: UInt64) { store(value.bigEndian) }

    /// Writes two bytes in the machine's order (netlink headers).
    @inlinable public mutating func appendNative(_ value: UInt16) { store(value) }

    /// Writes four bytes in the machine's order (netlink headers).
    @inlinable public mutating func appendNative(_ value: UInt32) { store(value) }

    /// Writes an unsigned LEB128 integer.
    @inlinable public mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// The bytes that `appendVarint` writes for a number: 1 to 10.
    @inlinable public static func varintLength(_ value: UInt64) -> Int {
        (UInt64.bitWidth - (value | 1).leadingZeroBitCount + 6) / 7
    }

    /// Writes the UTF-8 bytes of a text, without length or end.
    @inlinable public mutating func append(utf8 text: borrowing String) {
        for unit in text.utf8 { append(unit) }
    }

    /// Writes bytes.
    @inlinable public mutating func append(_ bytes: borrowing RawSpan) {
        guard bytes.byteCount <= remaining else { return refused = true }
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe (base + count).copyMemory(from: start, byteCount: source.count)
            }
        }
        written += bytes.byteCount
    }

    /// Writes zeros up to a multiple of `alignment` (netlink attributes: 4).
    @inlinable public mutating func pad(to alignment: Int) {
        while !count.isMultiple(of: alignment), !overflowed { append(UInt8(0)) }
    }

    /// Overwrites one byte that was written before.
    @inlinable public mutating func patch(_ value: UInt8, at offset: Int) {
        precondition(offset >= 0 && offset < count)
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }

    /// Overwrites two bytes that were written before, big-endian.
    @inlinable public mutating func patch(_ value: UInt16, at offset: Int) {
        precondition(offset >= 0 && offset + 2 <= count)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    /// Overwrites two bytes that were written before, in the machine's order.
    @inlinable public mutating func patchNative(_ value: UInt16, at offset: Int) {
        precondition(offset >= 0 && offset + 2 <= count)
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt16.self)
    }

    /// Overwrites four bytes that were written before, in the machine's order.
    @inlinable public mutating func patchNative(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= count)
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
    }

    /// Lends the written bytes.
    public borrowing func withBytes<Result, Failure: Error>(
        _ body: (borrowing RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: count)
        return try body(span)
    }

    /// Lends the written bytes as memory, for a system call.
    @unsafe public borrowing func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
    }

    @inlinable mutating func store<Value: BitwiseCopyable>(_ value: Value) {
        guard MemoryLayout<Value>.size <= remaining else { return refused = true }
        unsafe base.storeBytes(of: value, toByteOffset: count, as: Value.self)
        written += MemoryLayout<Value>.size
    }
}
