import Testing

@testable import Bytes

@Suite struct ByteCursorTests {
    @Test func `reads what the writer wrote`() throws {
        var writer = ByteWriter(capacity: 64)
        writer.append(UInt8(7))
        writer.append(UInt16(0x1234))
        writer.append(UInt32(0x89ab_cdef))
        writer.append(UInt64.max)
        for value in [0, 1, 127, 128, 300, UInt64.max] { writer.appendVarint(value) }
        writer.append(utf8: "r1")
        let overflowed = writer.overflowed
        #expect(!overflowed)
        try writer.withBytes { (bytes: borrowing RawSpan) throws in
            var cursor = ByteCursor(bytes)
            let first = try cursor.readUInt8(bytes)
            let second = try cursor.readUInt16(bytes)
            let third = try cursor.readUInt32(bytes)
            let fourth = try cursor.readUInt64(bytes)
            #expect(first == 7 && second == 0x1234 && third == 0x89ab_cdef && fourth == .max)
            for value in [0, 1, 127, 128, 300, UInt64.max] {
                let read = try cursor.readVarint(bytes)
                #expect(read == value)
            }
            let text = try cursor.readText(bytes, count: 2)
            #expect(text == "r1" && cursor.remaining == 0)
        }
    }

    @Test func `a truncated field throws and leaves the position`() {
        let bytes: [UInt8] = [1, 2, 3]
        var cursor = ByteCursor(bytes.span.bytes)
        #expect(throws: ByteError.truncated) { try cursor.readUInt32(bytes.span.bytes) }
        #expect(cursor.offset == 0)
    }

    @Test func `an integer of more than 64 bits is refused`() {
        let bytes = [UInt8](repeating: 0xff, count: 9) + [0x02]
        var cursor = ByteCursor(bytes.span.bytes)
        #expect(throws: ByteError.integerTooLong) { try cursor.readVarint(bytes.span.bytes) }
        #expect(cursor.offset == 0)
    }

    @Test func `a write that does not fit writes nothing and is remembered until the rewind`() {
        var writer = ByteWriter(capacity: 5)
        writer.append(UInt32(1))
        let mark = writer.count
        writer.append(UInt16(1))
        let state = (writer.overflowed, writer.count)
        #expect(state.0 && state.1 == mark)
        writer.rewind(to: mark)
        let after = writer.overflowed
        #expect(!after)
    }
}
