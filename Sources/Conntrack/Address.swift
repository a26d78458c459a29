/// An IPv4 or IPv6 address in network order, without its family: the tuple knows that.
///
/// IPv4 lives in the low 32 bits, the rest zero.
public struct Address: Hashable, BitwiseCopyable, Sendable {
    /// The first eight bytes of an IPv6 address; zero for IPv4.
    public var high: UInt64
    /// The last eight bytes of an IPv6 address, or the IPv4 address in the low half.
    public var low: UInt64

    /// Makes an address of its two halves.
    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes an IPv4 address of its 32 bits in host order: 192.0.2.1 is 0xc0000201.
    @inlinable public init(ipv4 bits: UInt32) { self.init(high: 0, low: UInt64(bits)) }

    /// The unspecified address.
    public static let any = Address(high: 0, low: 0)
}

/// The family of a tuple's addresses; raw values are those of Linux (AF_INET, AF_INET6).
public enum AddressFamily: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case ipv4 = 2
    case ipv6 = 10

    /// Bits of an address.
    public var bits: Int { self == .ipv4 ? 32 : 128 }
}
