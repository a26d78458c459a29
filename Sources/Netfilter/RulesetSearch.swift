internal import Bytes
internal import LinuxIO

/// Looks through the rules of this network namespace for what has to do with tracking.
enum RulesetSearch {
    enum Finding {
        /// An expression that makes the kernel track.
        case needsTracking
        /// A rule that may keep packets from being tracked, or rules that cannot be read this way.
        case mayExempt
        case nothing
    }

    /// Datagrams of 32 KiB that are looked at; a larger ruleset has a rule with state in it sooner.
    private static let limit = 256

    /// NFT_MSG_GETRULE of NFNL_SUBSYS_NFTABLES (nf_tables.h).
    private static let getRule: UInt16 = 10 << 8 | 7

    static func run() throws(ConntrackError) -> Finding {
        // The old tables are not in nftables; which one holds a rule that matters cannot be asked.
        for name in ["ip_tables_names", "ip6_tables_names"] {
            if let names = ProcFile.read("/proc/thread-self/net/\(name)"), !names.isEmpty { return .mayExempt }
        }
        do { return try searchRules() } catch { throw ConntrackError(error) }
    }

    private static func searchRules() throws(NetlinkError) -> Finding {
        var socket = try NetlinkSocket(.netfilter)
        try socket.bind()
        var request = FlowMessageWriter(requests: 1)
        request.finish(request.begin(getRule, flags: NetlinkMessage.Flags.dump, sequence: 1, family: nil))
        try request.buffer.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
        var inbox = NetlinkInbox(limit: 1, datagramCapacity: ConntrackDump.largestDatagram)
        var finding = Finding.nothing
        for _ in 0..<limit {
            guard try socket.receive(into: &inbox) == .datagrams(1) else { return .mayExempt }
            var isLast = false
            inbox.withDatagram(0) { bytes in
                if contains(bytes, expression: "ct") || contains(bytes, expression: "nat")
                    || contains(bytes, expression: "masq") || contains(bytes, expression: "redir")
                {
                    finding = .needsTracking
                } else if contains(bytes, expression: "notrack") || contains(bytes, expression: "target")
                    || contains(bytes, expression: "match")
                {
                    // Extensions of iptables are opaque: -j CT --notrack is one of them.
                    finding = .mayExempt
                }
                isLast = hasEnd(bytes)
            }
            if finding == .needsTracking || isLast { return finding }
        }
        return .mayExempt
    }

    /// Whether NFTA_EXPR_NAME with this name stands somewhere in the datagram.
    ///
    /// The name is searched as the attribute's bytes, at the alignment of attributes.
    private static func contains(_ bytes: borrowing RawSpan, expression: StaticString) -> Bool {
        let length = expression.utf8CodeUnitCount
        let size = UInt16(length + 1 + Attribute.headerSize)
        var position = 0
        while position + Attribute.headerSize + length < bytes.byteCount {
            var cursor = ByteCursor(from: position, to: bytes.byteCount)
            position += 4
            guard (try? cursor.readNativeUInt16(bytes)) == size, (try? cursor.readNativeUInt16(bytes)) == 1 else {
                continue
            }
            let name = try? cursor.readText(bytes, count: length)
            if name == expression.description, (try? cursor.readUInt8(bytes)) == 0 { return true }
        }
        return false
    }

    /// Whether the dump ends in this datagram, by itself or with an error.
    private static func hasEnd(_ bytes: borrowing RawSpan) -> Bool {
        var cursor = ByteCursor(bytes)
        while cursor.remaining > 0 {
            guard let message = try? NetlinkMessage(bytes, &cursor) else { return true }
            if message.type == NetlinkMessage.done || message.type == NetlinkMessage.error { return true }
        }
        return false
    }
}
