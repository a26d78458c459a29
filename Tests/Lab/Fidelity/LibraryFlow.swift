internal import CNetfilterConntrack
internal import Conntrack
internal import LabSupport

/// A ctnetlink message of a flow, read by libnetfilter_conntrack.
struct LibraryFlow: ~Copyable {
    private let flow: OracleFlow
    private var object: OracleObject { flow.object }

    /// Reads a message that begins with its netlink header; nil if the library refuses it.
    init?(_ message: [UInt8]) {
        guard let flow = OracleFlow(message) else { return nil }
        self.flow = flow
    }

    /// The entry with everything that is compared.
    var entry: KernelEntry? {
        let tuples = LibraryTuple(object)
        guard let original = tuples.original, let reply = tuples.reply else { return nil }
        var entry = KernelEntry(
            kind: .flow, original: original, reply: reply, timeout: object.uint32(ATTR_TIMEOUT) ?? 0)
        entry.master = tuples.master
        entry.status = FlowStatus(rawValue: object.uint32(ATTR_STATUS) ?? 0)
        entry.state = object.uint8(ATTR_TCP_STATE) ?? object.uint8(ATTR_SCTP_STATE)
        for name in KernelEntry.Name.allCases {
            if let text = text(name, entry) { entry.values.append(.init(name: name, text: text)) }
        }
        return entry
    }

    private func text(_ name: KernelEntry.Name, _ entry: KernelEntry) -> String? {
        switch name {
        case .reply: return entry.reply.words
        case .zone:
            let zones = [("", ATTR_ZONE), ("original ", ATTR_ORIG_ZONE), ("reply ", ATTR_REPL_ZONE)]
            let set = zones.compactMap { name, zone in object.uint16(zone).map { "\(name)\($0)" } }
            return set.isEmpty ? nil : set.joined(separator: ", ")
        case .status: return entry.status.words
        case .timeout: return "\(entry.timeout)"
        case .mark: return object.uint32(ATTR_MARK).flatMap { $0 == 0 ? nil : "\($0)" }
        case .master: return entry.master?.words
        case .state: return entry.state.map { "\($0)" }
        case .scales: return pair(object.uint8(ATTR_TCP_WSCALE_ORIG), object.uint8(ATTR_TCP_WSCALE_REPL))
        case .flags:
            // The other bits are about packets under way (nf_conntrack_tcp.h).
            let named = TCPFlags.replicated.union(.beLiberal).rawValue
            return pair(
                object.uint8(ATTR_TCP_FLAGS_ORIG).map { $0 & named },
                object.uint8(ATTR_TCP_FLAGS_REPL).map { $0 & named })
        case .tags: return pair(object.uint32(ATTR_SCTP_VTAG_ORIG), object.uint32(ATTR_SCTP_VTAG_REPL))
        case .helper: return object.text(ATTR_HELPER_NAME)
        case .labels: return labels
        case .sequence: return sequence
        case .synproxy: return numbers([ATTR_SYNPROXY_ISN, ATTR_SYNPROXY_ITS, ATTR_SYNPROXY_TSOFF])
        case .mask, .translation, .policy, .function: return nil
        }
    }

    private func pair<Number: BinaryInteger>(_ original: Number?, _ reply: Number?) -> String? {
        guard let original, let reply else { return nil }
        return "\(original)/\(reply)"
    }

    private func numbers(_ attributes: [nf_conntrack_attr]) -> String? {
        let values = attributes.map { object.uint32($0) ?? 0 }
        return values.allSatisfy { $0 == 0 } ? nil : values.map { "\($0)" }.joined(separator: " ")
    }

    private var sequence: String? {
        let original = adjustment(
            ATTR_ORIG_NAT_SEQ_CORRECTION_POS, ATTR_ORIG_NAT_SEQ_OFFSET_BEFORE, ATTR_ORIG_NAT_SEQ_OFFSET_AFTER)
        let reply = adjustment(
            ATTR_REPL_NAT_SEQ_CORRECTION_POS, ATTR_REPL_NAT_SEQ_OFFSET_BEFORE, ATTR_REPL_NAT_SEQ_OFFSET_AFTER)
        return original == nil && reply == nil ? nil : "\(original ?? "-") / \(reply ?? "-")"
    }

    /// Where one direction was shifted last, and by how much before and after it.
    private func adjustment(
        _ position: nf_conntrack_attr, _ before: nf_conntrack_attr, _ after: nf_conntrack_attr
    ) -> String? {
        let values = [position, before, after].map { object.uint32($0) ?? 0 }
        guard values.contains(where: { $0 != 0 }) else { return nil }
        return "\(values[0]) by \(Int32(bitPattern: values[1])), \(Int32(bitPattern: values[2]))"
    }

    private var labels: String? {
        guard let labels = object.labels, !labels.isEmpty else { return nil }
        let bits = (0..<64).filter { labels.low >> UInt64($0) & 1 == 1 }
        let high = (0..<64).filter { labels.high >> UInt64($0) & 1 == 1 }.map { $0 + 64 }
        return (bits + high).map { "\($0)" }.joined(separator: ",")
    }
}
