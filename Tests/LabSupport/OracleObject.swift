public import CNetfilterConntrack
public import Conntrack

/// What libnetfilter_conntrack holds of a flow or of one tuple; lent, never freed here.
@safe public struct OracleObject {
    private let object: OpaquePointer

    init(_ object: OpaquePointer) { unsafe self.object = object }

    public func isSet(_ attribute: nf_conntrack_attr) -> Bool { unsafe nfct_attr_is_set(object, attribute) > 0 }

    public func uint8(_ attribute: nf_conntrack_attr) -> UInt8? {
        isSet(attribute) ? unsafe nfct_get_attr_u8(object, attribute) : nil
    }

    public func uint16(_ attribute: nf_conntrack_attr) -> UInt16? {
        isSet(attribute) ? unsafe nfct_get_attr_u16(object, attribute) : nil
    }

    public func uint32(_ attribute: nf_conntrack_attr) -> UInt32? {
        isSet(attribute) ? unsafe nfct_get_attr_u32(object, attribute) : nil
    }

    public func uint64(_ attribute: nf_conntrack_attr) -> UInt64? {
        isSet(attribute) ? unsafe nfct_get_attr_u64(object, attribute) : nil
    }

    /// A port or key; the library keeps it in network order.
    public func key(_ attribute: nf_conntrack_attr) -> UInt16? { uint16(attribute).map(UInt16.init(bigEndian:)) }

    public func text(_ attribute: nf_conntrack_attr) -> String? {
        guard isSet(attribute), let raw = unsafe nfct_get_attr(object, attribute) else { return nil }
        return unsafe String(cString: raw.assumingMemoryBound(to: CChar.self))
    }

    /// An address; the library keeps it in network order.
    public func address(_ family: AddressFamily, _ ipv4: nf_conntrack_attr, _ ipv6: nf_conntrack_attr) -> Address? {
        switch family {
        case .ipv4: return uint32(ipv4).map { Address(ipv4: UInt32(bigEndian: $0)) }
        case .ipv6:
            guard isSet(ipv6), let raw = unsafe nfct_get_attr(object, ipv6) else { return nil }
            return unsafe Address(
                high: UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    /// The line that the library prints of a flow: of ICMP it alone shows both ids.
    public var line: String {
        var line = [CChar](repeating: 0, count: 2048)
        let count = unsafe nfct_snprintf(
            &line, UInt32(line.count), object, UInt32(NFCT_T_UNKNOWN.rawValue), UInt32(NFCT_O_DEFAULT), 0)
        return String(decoding: line.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The labels bit by bit.
    public var labels: ConnectionLabels? {
        guard isSet(ATTR_CONNLABELS), let raw = unsafe nfct_get_attr(object, ATTR_CONNLABELS) else { return nil }
        let mask = OpaquePointer(raw)
        var labels = ConnectionLabels()
        for bit in 0...min(unsafe nfct_bitmask_maxbit(mask), 127)
        where unsafe nfct_bitmask_test_bit(mask, bit) > 0 {
            if bit < 64 { labels.low |= 1 << UInt64(bit) } else { labels.high |= 1 << UInt64(bit - 64) }
        }
        return labels
    }
}

/// A flow's message as libnetfilter_conntrack reads it.
@safe public struct OracleFlow: ~Copyable {
    private let owned: OpaquePointer

    /// Nil if the library refuses the message.
    public init?(_ message: [UInt8]) {
        guard let object = unsafe nfct_new() else { return nil }
        let result = unsafe message.withUnsafeBytes { bytes in
            // The library wants an aligned header, which an array's storage is.
            unsafe bytes.baseAddress.map {
                unsafe nfct_nlmsg_parse($0.assumingMemoryBound(to: nlmsghdr.self), object)
            } ?? -1
        }
        guard result == 0 else {
            unsafe nfct_destroy(object)
            return nil
        }
        unsafe owned = object
    }

    deinit { unsafe nfct_destroy(owned) }

    /// What the library holds of it; lent while this value lives.
    public var object: OracleObject { unsafe OracleObject(owned) }
}

/// An expectation's message as libnetfilter_conntrack reads it.
@safe public struct OracleExpectation: ~Copyable {
    private let owned: OpaquePointer

    /// Nil if the library refuses the message.
    public init?(_ message: [UInt8]) {
        guard let object = unsafe nfexp_new() else { return nil }
        let result = unsafe message.withUnsafeBytes { bytes in
            unsafe bytes.baseAddress.map {
                unsafe nfexp_nlmsg_parse($0.assumingMemoryBound(to: nlmsghdr.self), object)
            } ?? -1
        }
        guard result == 0 else {
            unsafe nfexp_destroy(object)
            return nil
        }
        unsafe owned = object
    }

    deinit { unsafe nfexp_destroy(owned) }

    private func isSet(_ attribute: nf_expect_attr) -> Bool { unsafe nfexp_attr_is_set(owned, attribute) > 0 }

    public func uint8(_ attribute: nf_expect_attr) -> UInt8? {
        isSet(attribute) ? unsafe nfexp_get_attr_u8(owned, attribute) : nil
    }

    public func uint16(_ attribute: nf_expect_attr) -> UInt16? {
        isSet(attribute) ? unsafe nfexp_get_attr_u16(owned, attribute) : nil
    }

    public func uint32(_ attribute: nf_expect_attr) -> UInt32? {
        isSet(attribute) ? unsafe nfexp_get_attr_u32(owned, attribute) : nil
    }

    public func text(_ attribute: nf_expect_attr) -> String? {
        guard isSet(attribute), let raw = unsafe nfexp_get_attr(owned, attribute) else { return nil }
        return unsafe String(cString: raw.assumingMemoryBound(to: CChar.self))
    }

    /// One of the tuples inside; lent while this value lives.
    public func tuple(_ attribute: nf_expect_attr) -> OracleObject? {
        guard isSet(attribute), let raw = unsafe nfexp_get_attr(owned, attribute) else { return nil }
        return unsafe OracleObject(OpaquePointer(raw))
    }
}
