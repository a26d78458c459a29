/// A short name of the kernel's, held without a heap: a helper, or the function of an expectation.
///
/// At most 31 bytes of printable ASCII, padded with zeros; a helper's name has 15 at most (NF_CT_HELPER_NAME_LEN,
/// nf_conntrack_helper.h).
public struct KernelName: Hashable, BitwiseCopyable, Sendable {
    /// Bytes of a name at most.
    public static let limit = 31
    /// Bytes of a helper's name at most.
    public static let helperLimit = 15

    private var first: UInt64 = 0
    private var second: UInt64 = 0
    private var third: UInt64 = 0
    private var fourth: UInt64 = 0

    /// No name.
    public static let none = KernelName()

    private init() {}

    /// Takes a name in; nil if it is empty, too long or not printable ASCII.
    public init?(_ text: some StringProtocol) { self.init(bytes: Array(text.utf8)) }

    /// Takes a name in without its final zero; nil if it is empty, too long or not printable ASCII.
    public init?(bytes: some Collection<UInt8>) {
        guard !bytes.isEmpty, bytes.count <= Self.limit else { return nil }
        for (place, byte) in bytes.enumerated() {
            guard (0x21...0x7e).contains(byte) else { return nil }
            self[word: place / 8] |= UInt64(byte) << UInt64(place % 8 * 8)
        }
    }

    /// Whether there is no name.
    public var isNone: Bool { first == 0 }

    /// Bytes of the name, without a final zero.
    public var count: Int {
        var count = 0
        while count < Self.limit, self[count] != 0 { count += 1 }
        return count
    }

    /// The byte at a place below `limit`, zero behind the name.
    public subscript(place: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: self[word: place / 8] >> UInt64(place % 8 * 8))
    }

    /// The name as text.
    public var text: String { String(decoding: (0..<count).map { self[$0] }, as: UTF8.self) }

    /// The four words that a hash takes in.
    var hashed: (UInt64, UInt64, UInt64, UInt64) { (first, second, third, fourth) }

    private subscript(word place: Int) -> UInt64 {
        get {
            switch place {
            case 0: first
            case 1: second
            case 2: third
            default: fourth
            }
        }
        set {
            switch place {
            case 0: first = newValue
            case 1: second = newValue
            case 2: third = newValue
            default: fourth = newValue
            }
        }
    }
}
