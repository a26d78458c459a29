/// The bytes of a name on their way into a `KernelName`, without an allocation.
struct ShortText: RandomAccessCollection {
    private var words = SIMD4<UInt64>()
    private(set) var count = 0

    init() {}

    var startIndex: Int { 0 }
    var endIndex: Int { count }

    subscript(place: Int) -> UInt8 { UInt8(truncatingIfNeeded: words[place / 8] >> UInt64(place % 8 * 8)) }

    /// Takes in a byte; the 32nd is the last.
    mutating func append(_ byte: UInt8) {
        words[count / 8] |= UInt64(byte) << UInt64(count % 8 * 8)
        count += 1
    }
}
