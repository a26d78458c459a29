import CNetfilterConntrack
import Conntrack

/// A message as libnetfilter_conntrack reads it.
struct OracleFlow: ~Copyable {
    private let object: OpaquePointer

    /// Nil if the library refuses the message.
    init?(_ message: [UInt8]) {
        guard let object = nfct_new() else { return nil }
        let result = message.withUnsafeBytes { bytes in
            // The library wants an aligned header, which an array's storage is.
            bytes.baseAddress.map { nfct_nlmsg_parse($0.assumingMemoryBound(to: nlmsghdr.self), object) } ?? -1
        }
        guard result == 0 else {
            nfct_destroy(object)
            return nil
        }
        self.object = object
    }

    deinit { nfct_destroy(object) }

    func uint8(_ attribute: nf_conntrack_attr) -> UInt8? {
        nfct_attr_is_set(object, attribute) > 0 ? nfct_get_attr_u8(object, attribute) : nil
    }

    func uint16(_ attribute: nf_conntrack_attr) -> UInt16? {
        nfct_attr_is_set(object, attribute) > 0 ? nfct_get_attr_u16(object, attribute) : nil
    }

    func uint32(_ attribute: nf_conntrack_attr) -> UInt32? {
        nfct_attr_is_set(object, attribute) > 0 ? nfct_get_attr_u32(object, attribute) : nil
    }

    /// An address; the library keeps it in network order.
    func address(_ family: AddressFamily, _ ipv4: nf_conntrack_attr, _ ipv6: nf_conntrack_attr) -> Address? {
        switch family {
        case .ipv4: return uint32(ipv4).map { Address(ipv4: UInt32(bigEndian: $0)) }
        case .ipv6:
            guard nfct_attr_is_set(object, ipv6) > 0, let raw = nfct_get_attr(object, ipv6) else { return nil }
            return Address(
                high: UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    /// A port or key; the library keeps it in network order.
    func key(_ attribute: nf_conntrack_attr) -> UInt16? { uint16(attribute).map(UInt16.init(bigEndian:)) }
}
