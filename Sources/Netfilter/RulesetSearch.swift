internal import Bytes
internal import Conntrack
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

    private static let newGeneration: UInt16 = 10 << 8 | 15
    private static let getGeneration: UInt16 = 10 << 8 | 16
    /// NFT_MSG_NEWRULE: a rule of the answer.
    static let newRule: UInt16 = 10 << 8 | 6

    /// Whether there are tables of the old iptables, which are not in nftables; what they do cannot be asked.
    static var hasOldTables: Bool {
        ["ip_tables_names", "ip6_tables_names"].contains { name in
            ProcFile.read("/proc/thread-self/net/\(name)")?.isEmpty == false
        }
    }

    static func run() throws(ConntrackError) -> Finding {
        if hasOldTables { return .mayExempt }
        do { return try searchRules() } catch { throw ConntrackError(error) }
    }

    private static func searchRules() throws(NetlinkError) -> Finding {
        var finding = Finding.nothing
        let isWhole = try walkRules { bytes in
            var cursor = ByteCursor(bytes)
            while cursor.remaining > 0, let message = try? NetlinkMessage(bytes, &cursor) {
                guard message.type == newRule, !isHold(message, bytes) else { continue }
                let range = message.payload
                if ["ct", "nat", "masq", "redir"].contains(where: { contains(bytes, range, expression: $0) }) {
                    finding = .needsTracking
                    return false
                }
                // Extensions of iptables are opaque: -j CT --notrack is one of them.
                if ["notrack", "target", "match"].contains(where: { contains(bytes, range, expression: $0) }) {
                    finding = .mayExempt
                }
            }
            return true
        }
        return isWhole || finding == .needsTracking ? finding : .mayExempt
    }

    /// The number of the rules' latest change (NFT_MSG_GETGEN, NFTA_GEN_ID); nil if the kernel tells none.
    static func generation() throws(NetlinkError) -> UInt32? {
        var socket = try NetlinkSocket(.netfilter)
        try socket.bind()
        var request = FlowMessageWriter(requests: 1)
        request.finish(request.begin(getGeneration, flags: 0, sequence: 1, family: nil))
        try request.buffer.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
        var inbox = NetlinkInbox(limit: 1, datagramCapacity: ConntrackDump.largestDatagram)
        guard try socket.receive(into: &inbox) == .datagrams(1) else { return nil }
        var number: UInt32?
        inbox.withDatagram(0) { bytes in
            var cursor = ByteCursor(bytes)
            guard let message = try? NetlinkMessage(bytes, &cursor), message.type == newGeneration else { return }
            var payload = message.payload
            guard (try? payload.skip(4)) != nil else { return }
            var attributes = AttributeList(payload)
            while let attribute = try? attributes.next(bytes) {
                if attribute.number == 1 { number = try? attribute.uint32(bytes) }
            }
        }
        return number
    }

    /// Shows the datagrams of a dump of the rules until `body` has seen enough; whether it saw all of them.
    static func walkRules(_ body: (borrowing RawSpan) -> Bool) throws(NetlinkError) -> Bool {
        var socket = try NetlinkSocket(.netfilter)
        try socket.bind()
        var request = FlowMessageWriter(requests: 1)
        request.finish(request.begin(getRule, flags: NetlinkMessage.Flags.dump, sequence: 1, family: nil))
        try request.buffer.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
        var inbox = NetlinkInbox(limit: 1, datagramCapacity: ConntrackDump.largestDatagram)
        for _ in 0..<limit {
            guard try socket.receive(into: &inbox) == .datagrams(1) else { return false }
            var goesOn = true
            var isLast = false
            inbox.withDatagram(0) { bytes in
                goesOn = body(bytes)
                isLast = hasEnd(bytes)
            }
            if isLast { return true }
            if !goesOn { return false }
        }
        return false
    }

    /// Whether a rule is one of the hold's, which asks for tracking only as long as this node stands by.
    static func isHold(_ message: NetlinkMessage, _ bytes: borrowing RawSpan) -> Bool {
        var payload = message.payload
        guard (try? payload.skip(4)) != nil else { return false }
        var attributes = AttributeList(payload)
        // NFTA_RULE_TABLE, which the kernel writes first (nf_tables_fill_rule_info).
        guard let attribute = try? attributes.next(bytes), attribute.number == 1 else { return false }
        return attribute.name(bytes, limit: 31)?.text == HoldTable.name
    }

    /// Whether NFTA_EXPR_NAME with this name stands somewhere in a message.
    ///
    /// The name is searched as the attribute's bytes, at the alignment of attributes.
    private static func contains(_ bytes: borrowing RawSpan, _ range: ByteCursor, expression: String) -> Bool {
        let length = expression.utf8.count
        let size = UInt16(length + 1 + Attribute.headerSize)
        var position = range.offset
        while position + Attribute.headerSize + length < range.end {
            var cursor = ByteCursor(from: position, to: range.end)
            position += 4
            guard (try? cursor.readNativeUInt16(bytes)) == size, (try? cursor.readNativeUInt16(bytes)) == 1 else {
                continue
            }
            let name = try? cursor.readText(bytes, count: length)
            if name == expression, (try? cursor.readUInt8(bytes)) == 0 { return true }
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
