internal import CNetfilterConntrack
internal import Conntrack
internal import LabSupport

/// A ctnetlink message of an expectation, read by libnetfilter_conntrack.
struct LibraryExpectation: ~Copyable {
    private let object: OracleExpectation

    /// Reads a message that begins with its netlink header; nil if the library refuses it.
    init?(_ message: [UInt8]) {
        guard let object = OracleExpectation(message) else { return nil }
        self.object = object
    }

    /// The entry with everything that is compared.
    var entry: KernelEntry? {
        guard let expected = tuple(ATTR_EXP_EXPECTED) else { return nil }
        var entry = KernelEntry(
            kind: .expectation, original: expected, reply: expected.inverted,
            timeout: object.uint32(ATTR_EXP_TIMEOUT) ?? 0)
        entry.master = tuple(ATTR_EXP_MASTER)
        var add: [(KernelEntry.Name, String?)] = []
        // The kernel marks what a program wrote (NF_CT_EXPECT_USERSPACE), which is how a replica comes in.
        add.append((.status, object.uint32(ATTR_EXP_FLAGS).map { "\($0 & ~4)" }))
        add.append((.timeout, "\(entry.timeout)"))
        add.append((.zone, object.uint16(ATTR_EXP_ZONE).map { "\($0)" }))
        add.append((.mask, tuple(ATTR_EXP_MASK)?.words))
        add.append((.master, entry.master?.words))
        let translated = tuple(ATTR_EXP_NAT_TUPLE)?.words
        add.append((.translation, translated.map { "\($0) direction \(object.uint8(ATTR_EXP_NAT_DIR) ?? 0)" }))
        add.append((.policy, object.uint32(ATTR_EXP_CLASS).map { "\($0)" }))
        add.append((.helper, text(ATTR_EXP_HELPER_NAME)))
        add.append((.function, text(ATTR_EXP_FN)))
        entry.values = add.compactMap { name, text in text.map { .init(name: name, text: $0) } }
        return entry
    }

    private func tuple(_ attribute: nf_expect_attr) -> Tuple? {
        object.tuple(attribute).flatMap { LibraryTuple($0).original }
    }

    private func text(_ attribute: nf_expect_attr) -> String? {
        object.text(attribute).flatMap { $0.isEmpty ? nil : $0 }
    }
}
