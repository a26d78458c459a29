internal import Bytes

/// Reads the fields of a message in the order in which `BodyWriter` wrote them.
struct BodyReader {
    private let bytes: [UInt8]
    private var cursor: ByteCursor

    /// Begins at the start.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        cursor = ByteCursor(from: 0, to: bytes.count)
    }

    /// Declares that nothing follows.
    func finish() throws(ControlProtocolError) {
        if cursor.remaining > 0 { throw .trailingBytes }
    }

    private mutating func field<Value>(
        _ read: (inout ByteCursor, borrowing RawSpan) throws(ByteError) -> Value
    ) throws(ControlProtocolError) -> Value {
        var moved = cursor
        do throws(ByteError) {
            let value = try bytes.withBytes { (span: borrowing RawSpan) throws(ByteError) in try read(&moved, span) }
            cursor = moved
            return value
        } catch {
            switch error {
            case .truncated: throw .truncated
            case .integerTooLong: throw .value
            }
        }
    }

    mutating func byte() throws(ControlProtocolError) -> UInt8 {
        try field { (cursor, bytes) throws(ByteError) in try cursor.readUInt8(bytes) }
    }

    mutating func flag() throws(ControlProtocolError) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw .value
        }
    }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type = Number.self
    ) throws(ControlProtocolError) -> Number {
        let wide = try field { (cursor, bytes) throws(ByteError) in try cursor.readVarint(bytes) }
        guard let number = Number(exactly: wide) else { throw .value }
        return number
    }

    mutating func word() throws(ControlProtocolError) -> UInt64 {
        try field { (cursor, bytes) throws(ByteError) in try cursor.readUInt64(bytes) }
    }

    mutating func text() throws(ControlProtocolError) -> String {
        let count = try number(UInt32.self)
        guard count <= ControlLimit.textBytes else { throw .value }
        return try field { (cursor, bytes) throws(ByteError) in try cursor.readText(bytes, count: Int(count)) }
    }

    mutating func choice<Choice: CaseIterable>(_: Choice.Type = Choice.self) throws(ControlProtocolError) -> Choice {
        let place = Int(try byte())
        guard place < Choice.allCases.count else { throw .value }
        return Choice.allCases[Choice.allCases.index(Choice.allCases.startIndex, offsetBy: place)]
    }

    mutating func value<Value: BodyValue>(_: Value.Type = Value.self) throws(ControlProtocolError) -> Value {
        try Value(from: &self)
    }

    mutating func optionalNumber<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type = Number.self
    ) throws(ControlProtocolError) -> Number? {
        try flag() ? try number() : nil
    }

    mutating func optionalText() throws(ControlProtocolError) -> String? { try flag() ? try text() : nil }

    mutating func optionalValue<Value: BodyValue>(
        _: Value.Type = Value.self
    ) throws(ControlProtocolError) -> Value? {
        try flag() ? try value() : nil
    }

    mutating func list<Value: BodyValue>(_: Value.Type = Value.self) throws(ControlProtocolError) -> [Value] {
        let count = try number(UInt32.self)
        guard count <= ControlLimit.listCount else { throw .value }
        var list: [Value] = []
        for _ in 0..<count { list.append(try value()) }
        return list
    }
}
