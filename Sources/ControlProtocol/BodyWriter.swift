internal import Bytes

/// Writes the fields of a message.
///
/// Numbers are LEB128, texts and lists have their count before them, an optional has a byte 0 or 1.
struct BodyWriter: ~Copyable {
    private var writer = ByteWriter(capacity: ControlLimit.frameBytes)

    /// What was written; nil if it did not fit a frame.
    var bytes: [UInt8]? {
        writer.overflowed ? nil : writer.withBytes { (span: borrowing RawSpan) in Array(span) }
    }

    mutating func put(byte: UInt8) { writer.append(byte) }

    mutating func put(_ flag: Bool) { put(byte: flag ? 1 : 0) }

    mutating func put(_ number: some UnsignedInteger) { writer.appendVarint(UInt64(number)) }

    mutating func put(word: UInt64) { writer.append(word) }

    /// Writes a text; a longer one than fits ends at a character.
    mutating func put(_ text: String) {
        var text = text
        if text.utf8.count > ControlLimit.textBytes {
            var cut = ""
            var count = 0
            for character in text {
                count += character.utf8.count
                if count > ControlLimit.textBytes { break }
                cut.append(character)
            }
            text = cut
        }
        put(UInt64(text.utf8.count))
        writer.append(utf8: text)
    }

    /// Writes a case as its place among all cases; a new case goes to the end.
    mutating func put<Choice: CaseIterable & Equatable>(choice: Choice) {
        put(byte: UInt8(Choice.allCases.prefix { $0 != choice }.count))
    }

    mutating func put(_ value: some BodyValue) { value.write(to: &self) }

    mutating func put<Value>(_ value: Value?, _ body: (inout BodyWriter, Value) -> Void) {
        put(value != nil)
        if let value { body(&self, value) }
    }

    mutating func put(_ number: (some UnsignedInteger)?) { put(number) { $0.put($1) } }

    mutating func put(_ text: String?) { put(text) { $0.put($1) } }

    mutating func put(_ value: (some BodyValue)?) { put(value) { $0.put($1) } }

    mutating func put(_ list: [some BodyValue]) {
        let sent = list.prefix(ControlLimit.listCount)
        put(UInt64(sent.count))
        for value in sent { put(value) }
    }
}

/// Something with fields of its own.
protocol BodyValue {
    func write(to body: inout BodyWriter)
    init(from body: inout BodyReader) throws(ControlProtocolError)
}
