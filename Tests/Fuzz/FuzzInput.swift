/// Makes choices out of bytes; behind their end every choice is the first.
struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Whether all bytes are used up.
    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// A number below a limit of at most 256.
    mutating func below(_ limit: Int) -> Int { Int(byte()) % limit }

    mutating func flag() -> Bool { byte() & 1 == 1 }

    mutating func uint16() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

    mutating func uint32() -> UInt32 { UInt32(uint16()) << 16 | UInt32(uint16()) }

    /// A number that is small most of the time, and one of 64 bits after a byte of 0xf8 or more.
    mutating func number() -> UInt64 {
        let first = byte()
        switch first {
        case 0xff: return .max - UInt64(byte())
        case 0xfe: return 1 << UInt64(below(64))
        case 0xf8...0xfd: return UInt64(uint32()) << 32 | UInt64(uint32())
        default: return UInt64(first)
        }
    }

    /// The next bytes, as many as there are.
    mutating func bytes(_ count: Int) -> [UInt8] {
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return Array(taken)
    }

    mutating func pick<Choice>(_ choices: [Choice]) -> Choice { choices[below(choices.count)] }
}
