internal import Bytes
internal import Conntrack

/// Reads a tuple: addresses, protocol, keys and, where it is of one direction only, the zone.
enum TupleParser {
    static func tuple(
        _ attribute: Attribute, _ bytes: borrowing RawSpan, _ family: AddressFamily
    ) throws(MessageRefusal) -> Tuple {
        var list = attribute.list
        var tuple = Tuple(source: .any, destination: .any, family: family, protocol: ProtocolNumber(rawValue: 0))
        var hasAddresses = false
        var hasProtocol = false
        while let inner = try list.next(bytes) {
            switch WireAttribute.Tuple(rawValue: inner.number) {
            case .addresses:
                try readAddresses(inner, bytes, &tuple)
                hasAddresses = true
            case .protocol:
                try readProtocol(inner, bytes, &tuple)
                hasProtocol = true
            case .zone: tuple.zone = try inner.uint16(bytes)
            case nil: continue
            }
        }
        guard hasAddresses, hasProtocol else { throw .incompleteTuple }
        return tuple
    }

    private static func readAddresses(
        _ attribute: Attribute, _ bytes: borrowing RawSpan, _ tuple: inout Tuple
    ) throws(MessageRefusal) {
        var list = attribute.list
        var hasSource = false
        var hasDestination = false
        while let inner = try list.next(bytes) {
            guard let kind = WireAttribute.Addresses(rawValue: inner.number) else { continue }
            switch kind {
            case .sourceIPv4, .sourceIPv6:
                tuple.source = try readAddress(inner, bytes, kind == .sourceIPv4 ? .ipv4 : .ipv6, tuple.family)
                hasSource = true
            case .destinationIPv4, .destinationIPv6:
                let family: AddressFamily = kind == .destinationIPv4 ? .ipv4 : .ipv6
                tuple.destination = try readAddress(inner, bytes, family, tuple.family)
                hasDestination = true
            }
        }
        guard hasSource, hasDestination else { throw .incompleteTuple }
    }

    private static func readAddress(
        _ attribute: Attribute, _ bytes: borrowing RawSpan, _ family: AddressFamily, _ expected: AddressFamily
    ) throws(MessageRefusal) -> Address {
        guard family == expected else { throw .familyMismatch }
        switch family {
        case .ipv4: return Address(ipv4: try attribute.uint32(bytes))
        case .ipv6:
            let (high, low) = try attribute.uint64Pair(bytes)
            return Address(high: high, low: low)
        }
    }

    private static func readProtocol(
        _ attribute: Attribute, _ bytes: borrowing RawSpan, _ tuple: inout Tuple
    ) throws(MessageRefusal) {
        var list = attribute.list
        var number: ProtocolNumber?
        var seen: UInt16 = 0
        var sourceKey: UInt16 = 0
        var destinationKey: UInt16 = 0
        var type: UInt8 = 0
        var code: UInt8 = 0
        while let inner = try list.next(bytes) {
            guard let kind = WireAttribute.Keys(rawValue: inner.number) else { continue }
            switch kind {
            case .number: number = ProtocolNumber(rawValue: try inner.uint8(bytes))
            case .sourcePort, .icmpID, .icmpv6ID: sourceKey = try inner.uint16(bytes)
            case .destinationPort: destinationKey = try inner.uint16(bytes)
            case .icmpType, .icmpv6Type: type = try inner.uint8(bytes)
            case .icmpCode, .icmpv6Code: code = try inner.uint8(bytes)
            }
            seen |= 1 << kind.rawValue
        }
        guard let number else { throw .incompleteTuple }
        tuple.protocol = number
        // Which keys belong to the protocol. Ports may be missing where the kernel has no tracker for it (DCCP).
        let needed: UInt16 =
            switch number {
            case .icmp: 0b000_0111_0000
            case .icmpv6: 0b011_1000_0000
            case .tcp, .udp: 0b000_0000_1100
            default: 0
            }
        guard seen & needed == needed else { throw .incompleteTuple }
        if number.isICMP {
            tuple.sourceKey = sourceKey
            tuple.destinationKey = UInt16(type) << 8 | UInt16(code)
        } else if number.hasPorts || number == .gre {
            tuple.sourceKey = sourceKey
            tuple.destinationKey = destinationKey
        }
    }
}
