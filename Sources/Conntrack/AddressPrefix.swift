/// Addresses that share their first bits: `10.99.0.0/24`.
public struct AddressPrefix: Hashable, BitwiseCopyable, Sendable {
    /// The first address; bits behind the length are zero.
    public let address: Address
    /// The family that the prefix is for.
    public let family: AddressFamily
    /// Bits that count: at most 32 or 128.
    public let length: UInt8

    private let maskHigh: UInt64
    private let maskLow: UInt64

    /// Makes a prefix; nil if the length does not fit the family.
    ///
    /// Bits behind the length are cleared.
    public init?(_ address: Address, _ family: AddressFamily, length: Int) {
        guard (0...family.bits).contains(length) else { return nil }
        func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits)) }
        switch family {
        case .ipv4:
            maskHigh = .max
            maskLow = 0xffff_ffff_0000_0000 | (mask(length) >> 32)
        case .ipv6:
            maskHigh = mask(length)
            maskLow = mask(length - 64)
        }
        self.address = Address(high: address.high & maskHigh, low: address.low & maskLow)
        self.family = family
        self.length = UInt8(length)
    }

    /// Reads `ADDRESS` or `ADDRESS/LENGTH`; nil for anything else.
    public init?(parsing text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let (address, family) = Address.parse(first) else { return nil }
        guard parts.count == 2 else {
            self.init(address, family, length: family.bits)
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]) else { return nil }
        self.init(address, family, length: length)
    }

    /// Whether an address of a family lies in the prefix.
    public func contains(_ other: Address, _ otherFamily: AddressFamily) -> Bool {
        otherFamily == family && other.high & maskHigh == address.high && other.low & maskLow == address.low
    }

    /// The prefix as text, always with its length.
    public var text: String { "\(address.text(family))/\(length)" }
}
