internal import CNetfilterConntrack
internal import Conntrack
internal import LabSupport

/// The tuples of an object of libnetfilter_conntrack.
struct LibraryTuple {
    private let object: OracleObject

    /// Borrows an object.
    init(_ object: OracleObject) { self.object = object }

    /// The attributes of one tuple.
    private struct Names {
        var `protocol`: nf_conntrack_attr
        var source: (ipv4: nf_conntrack_attr, ipv6: nf_conntrack_attr)
        var destination: (ipv4: nf_conntrack_attr, ipv6: nf_conntrack_attr)
        var sourcePort: nf_conntrack_attr
        var destinationPort: nf_conntrack_attr
    }

    var original: Tuple? {
        tuple(
            Names(
                protocol: ATTR_ORIG_L4PROTO,
                source: (ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC),
                destination: (ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST), sourcePort: ATTR_ORIG_PORT_SRC,
                destinationPort: ATTR_ORIG_PORT_DST), isReply: false)
    }

    var reply: Tuple? {
        tuple(
            Names(
                protocol: ATTR_REPL_L4PROTO,
                source: (ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC),
                destination: (ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST), sourcePort: ATTR_REPL_PORT_SRC,
                destinationPort: ATTR_REPL_PORT_DST), isReply: true)
    }

    var master: Tuple? {
        tuple(
            Names(
                protocol: ATTR_MASTER_L4PROTO,
                source: (ATTR_MASTER_IPV4_SRC, ATTR_MASTER_IPV6_SRC),
                destination: (ATTR_MASTER_IPV4_DST, ATTR_MASTER_IPV6_DST), sourcePort: ATTR_MASTER_PORT_SRC,
                destinationPort: ATTR_MASTER_PORT_DST), isReply: false)
    }

    private func tuple(_ names: Names, isReply: Bool) -> Tuple? {
        // Expectations and masters do not always say their family; an address does.
        let isIPv6 = object.isSet(names.source.ipv6)
        let family = isIPv6 ? AddressFamily.ipv6 : .ipv4
        guard let source = object.address(family, names.source.ipv4, names.source.ipv6),
            let destination = object.address(family, names.destination.ipv4, names.destination.ipv6)
        else {
            return nil
        }
        var tuple = Tuple(
            source: source, destination: destination, sourceKey: object.key(names.sourcePort) ?? 0,
            destinationKey: object.key(names.destinationPort) ?? 0, family: family,
            protocol: ProtocolNumber(rawValue: object.uint8(names.protocol) ?? 0))
        tuple.zone = object.uint16(ATTR_ZONE) ?? object.uint16(isReply ? ATTR_REPL_ZONE : ATTR_ORIG_ZONE) ?? 0
        guard tuple.protocol.isICMP, let type = object.uint8(ATTR_ICMP_TYPE), let code = object.uint8(ATTR_ICMP_CODE)
        else {
            return tuple
        }
        tuple.destinationKey = UInt16(type) << 8 | UInt16(code)
        tuple.sourceKey = object.key(ATTR_ICMP_ID) ?? 0
        // The library's attributes show one id; what it prints shows both directions'.
        guard isReply else { return tuple }
        tuple.destinationKey = tuple.inverted.destinationKey
        if let id = printedReplyID { tuple.sourceKey = id }
        return tuple
    }

    /// The last `id=` of the line that the library prints.
    private var printedReplyID: UInt16? {
        object.line.split(separator: " ").last { $0.hasPrefix("id=") }.flatMap { UInt16($0.dropFirst(3)) }
    }
}
