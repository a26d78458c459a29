/// One direction of a flow: the addresses, the protocol and its keys, and the zone.
///
/// The two keys are ports in host order where the protocol has them. For ICMP and ICMPv6 `sourceKey` is the id and
/// `destinationKey` is type << 8 | code. For keyed GRE they are the call keys, else zero.
public struct Tuple: Hashable, BitwiseCopyable, Sendable {
    public var source: Address
    public var destination: Address
    public var sourceKey: UInt16
    public var destinationKey: UInt16
    /// The conntrack zone of this direction; 0 is the default zone.
    public var zone: UInt16
    public var family: AddressFamily
    public var `protocol`: ProtocolNumber

    /// Makes a tuple.
    @inlinable public init(
        source: Address, destination: Address, sourceKey: UInt16 = 0, destinationKey: UInt16 = 0, zone: UInt16 = 0,
        family: AddressFamily, protocol: ProtocolNumber
    ) {
        self.source = source
        self.destination = destination
        self.sourceKey = sourceKey
        self.destinationKey = destinationKey
        self.zone = zone
        self.family = family
        self.protocol = `protocol`
    }

    /// The tuple of an answer when nothing translates: ends swapped, an ICMP request turned into its reply.
    ///
    /// Source: the kernel's nf_ct_invert_tuple (net/netfilter/nf_conntrack_core.c) and icmp_pkt_to_tuple's tables
    /// (RFC 792, RFC 4443, RFC 4620). An ICMP type without an answer keeps its type.
    public var inverted: Tuple {
        var tuple = self
        swap(&tuple.source, &tuple.destination)
        if self.protocol.isICMP {
            let type = UInt8(truncatingIfNeeded: destinationKey >> 8)
            tuple.destinationKey = UInt16(Self.answer(to: type, self.protocol)) << 8 | destinationKey & 0xff
        } else {
            swap(&tuple.sourceKey, &tuple.destinationKey)
        }
        return tuple
    }

    private static func answer(to type: UInt8, _ protocol: ProtocolNumber) -> UInt8 {
        switch (`protocol`, type) {
        case (.icmp, 8): 0
        case (.icmp, 0): 8
        case (.icmp, 13): 14
        case (.icmp, 14): 13
        case (.icmp, 15): 16
        case (.icmp, 16): 15
        case (.icmp, 17): 18
        case (.icmp, 18): 17
        case (.icmpv6, 128): 129
        case (.icmpv6, 129): 128
        case (.icmpv6, 139): 140
        case (.icmpv6, 140): 139
        default: type
        }
    }
}
