internal import CNetfilterConntrack
internal import Conntrack
internal import Glibc

/// The tuples of an object of libnetfilter_conntrack.
@safe struct LibraryTuple {
    private let object: OpaquePointer

    /// Borrows an object.
    init(_ object: OpaquePointer) { unsafe self.object = object }

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
        let isIPv6 = unsafe nfct_attr_is_set(object, names.source.ipv6) > 0
        let family = isIPv6 ? AddressFamily.ipv6 : .ipv4
        guard let source = address(family, names.source), let destination = address(family, names.destination) else {
            return nil
        }
        var tuple = Tuple(
            source: source, destination: destination, sourceKey: key(names.sourcePort) ?? 0,
            destinationKey: key(names.destinationPort) ?? 0, family: family,
            protocol: ProtocolNumber(rawValue: uint8(names.protocol) ?? 0))
        tuple.zone = uint16(ATTR_ZONE) ?? uint16(isReply ? ATTR_REPL_ZONE : ATTR_ORIG_ZONE) ?? 0
        guard tuple.protocol.isICMP, let type = uint8(ATTR_ICMP_TYPE), let code = uint8(ATTR_ICMP_CODE) else {
            return tuple
        }
        tuple.destinationKey = UInt16(type) << 8 | UInt16(code)
        tuple.sourceKey = key(ATTR_ICMP_ID) ?? 0
        // The library's attributes show one id; what it prints shows both directions'.
        guard isReply else { return tuple }
        tuple.destinationKey = tuple.inverted.destinationKey
        if let id = printedReplyID { tuple.sourceKey = id }
        return tuple
    }

    /// The last `id=` of the line that the library prints.
    private var printedReplyID: UInt16? {
        var line = [CChar](repeating: 0, count: 2048)
        let count = unsafe nfct_snprintf(
            &line, UInt32(line.count), object, UInt32(NFCT_T_UNKNOWN.rawValue), UInt32(NFCT_O_DEFAULT), 0)
        guard count > 0 else { return nil }
        let text = String(decoding: line.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: " ").last { $0.hasPrefix("id=") }.flatMap { UInt16($0.dropFirst(3)) }
    }

    private func address(
        _ family: AddressFamily, _ names: (ipv4: nf_conntrack_attr, ipv6: nf_conntrack_attr)
    ) -> Address? {
        let name = family == .ipv4 ? names.ipv4 : names.ipv6
        guard unsafe nfct_attr_is_set(object, name) > 0, let raw = unsafe nfct_get_attr(object, name) else {
            return nil
        }
        // Kept in network order.
        guard family == .ipv6 else {
            return unsafe Address(ipv4: UInt32(bigEndian: raw.loadUnaligned(as: UInt32.self)))
        }
        return unsafe Address(
            high: UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    private func uint8(_ attribute: nf_conntrack_attr) -> UInt8? {
        unsafe nfct_attr_is_set(object, attribute) > 0 ? nfct_get_attr_u8(object, attribute) : nil
    }

    private func uint16(_ attribute: nf_conntrack_attr) -> UInt16? {
        unsafe nfct_attr_is_set(object, attribute) > 0 ? nfct_get_attr_u16(object, attribute) : nil
    }

    /// A port or id, kept in network order.
    private func key(_ attribute: nf_conntrack_attr) -> UInt16? { uint16(attribute).map(UInt16.init(bigEndian:)) }
}
