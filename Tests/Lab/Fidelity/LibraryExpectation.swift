internal import CNetfilterConntrack
internal import Conntrack
internal import Glibc

/// A ctnetlink message of an expectation, read by libnetfilter_conntrack.
@safe struct LibraryExpectation: ~Copyable {
    private let object: OpaquePointer

    /// Reads a message that begins with its netlink header; nil if the library refuses it.
    init?(_ message: [UInt8]) {
        guard let object = unsafe nfexp_new() else { return nil }
        let result = unsafe message.withUnsafeBytes { bytes in
            unsafe bytes.baseAddress.map {
                unsafe nfexp_nlmsg_parse($0.assumingMemoryBound(to: nlmsghdr.self), object)
            }
        }
        guard result == 0 else {
            unsafe nfexp_destroy(object)
            return nil
        }
        unsafe self.object = object
    }

    deinit { unsafe nfexp_destroy(object) }

    /// The entry with everything that is compared.
    var entry: KernelEntry? {
        guard let tuple = self.tuple(ATTR_EXP_EXPECTED) else { return nil }
        var entry = KernelEntry(
            kind: .expectation, original: tuple, reply: tuple.inverted, timeout: uint32(ATTR_EXP_TIMEOUT) ?? 0)
        entry.master = self.tuple(ATTR_EXP_MASTER)
        var add: [(KernelEntry.Name, String?)] = []
        // The kernel marks what a program wrote (NF_CT_EXPECT_USERSPACE), which is how a replica comes in.
        add.append((.status, uint32(ATTR_EXP_FLAGS).map { "\($0 & ~4)" }))
        add.append((.timeout, "\(entry.timeout)"))
        add.append((.zone, uint16(ATTR_EXP_ZONE).map { "\($0)" }))
        add.append((.mask, self.tuple(ATTR_EXP_MASK)?.words))
        add.append((.master, entry.master?.words))
        let translated = self.tuple(ATTR_EXP_NAT_TUPLE)?.words
        add.append((.translation, translated.map { "\($0) direction \(uint8(ATTR_EXP_NAT_DIR) ?? 0)" }))
        add.append((.policy, uint32(ATTR_EXP_CLASS).map { "\($0)" }))
        add.append((.helper, string(ATTR_EXP_HELPER_NAME)))
        add.append((.function, string(ATTR_EXP_FN)))
        entry.values = add.compactMap { name, text in text.map { .init(name: name, text: $0) } }
        return entry
    }

    private func tuple(_ attribute: nf_expect_attr) -> Tuple? {
        guard unsafe nfexp_attr_is_set(object, attribute) > 0, let raw = unsafe nfexp_get_attr(object, attribute) else {
            return nil
        }
        return unsafe LibraryTuple(OpaquePointer(raw)).original
    }

    private func string(_ attribute: nf_expect_attr) -> String? {
        guard unsafe nfexp_attr_is_set(object, attribute) > 0, let raw = unsafe nfexp_get_attr(object, attribute) else {
            return nil
        }
        let text = unsafe String(cString: raw.assumingMemoryBound(to: CChar.self))
        return text.isEmpty ? nil : text
    }

    private func uint8(_ attribute: nf_expect_attr) -> UInt8? {
        unsafe nfexp_attr_is_set(object, attribute) > 0 ? nfexp_get_attr_u8(object, attribute) : nil
    }

    private func uint16(_ attribute: nf_expect_attr) -> UInt16? {
        unsafe nfexp_attr_is_set(object, attribute) > 0 ? nfexp_get_attr_u16(object, attribute) : nil
    }

    private func uint32(_ attribute: nf_expect_attr) -> UInt32? {
        unsafe nfexp_attr_is_set(object, attribute) > 0 ? nfexp_get_attr_u32(object, attribute) : nil
    }
}
