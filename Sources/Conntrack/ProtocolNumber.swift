/// A layer-4 protocol by its IANA number.
public struct ProtocolNumber: Hashable, BitwiseCopyable, RawRepresentable, Sendable {
    /// The number in the IP header.
    public let rawValue: UInt8

    /// Makes a protocol of its number.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let icmp = ProtocolNumber(rawValue: 1)
    public static let tcp = ProtocolNumber(rawValue: 6)
    public static let udp = ProtocolNumber(rawValue: 17)
    public static let dccp = ProtocolNumber(rawValue: 33)
    public static let gre = ProtocolNumber(rawValue: 47)
    public static let icmpv6 = ProtocolNumber(rawValue: 58)
    public static let sctp = ProtocolNumber(rawValue: 132)
    public static let udplite = ProtocolNumber(rawValue: 136)

    /// Whether the tuple's keys are ports.
    public var hasPorts: Bool {
        switch self {
        case .tcp, .udp, .dccp, .sctp, .udplite: true
        default: false
        }
    }

    /// Whether the tuple's keys are an ICMP id, type and code.
    public var isICMP: Bool { self == .icmp || self == .icmpv6 }

    private static let names: [(name: String, number: ProtocolNumber)] = [
        ("icmp", .icmp), ("tcp", .tcp), ("udp", .udp), ("dccp", .dccp), ("gre", .gre), ("icmpv6", .icmpv6),
        ("sctp", .sctp), ("udplite", .udplite),
    ]

    /// The name, or the number as text.
    public var name: String { Self.names.first { $0.number == self }?.name ?? String(rawValue) }

    /// Reads one of the names above, or a number from 0 to 255.
    ///
    /// Names of /etc/protocols are the caller's.
    public init?(parsing text: some StringProtocol) {
        let lowered = text.lowercased()
        if let known = Self.names.first(where: { $0.name == lowered }) {
            self = known.number
        } else if lowered == "icmp6" || lowered == "ipv6-icmp" {
            self = .icmpv6
        } else if let number = UInt8(lowered) {
            self.init(rawValue: number)
        } else {
            return nil
        }
    }
}
