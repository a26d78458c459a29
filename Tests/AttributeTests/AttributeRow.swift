import Conntrack

/// A flow, and another that differs from it in one attribute alone.
struct AttributeRow: Sendable {
    let attribute: FlowAttribute
    let what: String
    let base: Flow
    let variation: Flow
    /// What a message carries that tells of the variation: details come with their state.
    let told: FlowAttributes

    /// Makes a row; `change` makes the variation.
    init(_ attribute: FlowAttribute, _ what: String, _ base: Flow, _ change: (inout Flow) -> Void) {
        self.attribute = attribute
        self.what = what
        self.base = base
        var variation = base
        change(&variation)
        self.variation = variation
        told = attribute == .protocolDetails ? [.protocolState, .protocolDetails] : FlowAttributes(attribute)
    }

    /// Whether the variation is the same flow: a zone of the original direction makes it another.
    var isSameFlow: Bool { base.original == variation.original }
}

/// A row of a table of tests: an attribute with all that is known of it.
struct AttributeSamples: Sendable, CustomStringConvertible {
    let attribute: FlowAttribute
    let rows: [AttributeRow]

    var description: String { "\(attribute)" }

    /// Each flow of the rows once: any two differ.
    var flows: [Flow] {
        var flows: [Flow] = []
        for flow in rows.flatMap({ [$0.base, $0.variation] }) where !flows.contains(flow) { flows.append(flow) }
        return flows
    }

    /// One for every attribute, in the order of the list.
    static let all = FlowAttribute.allCases.map { AttributeSamples(attribute: $0, rows: rows(of: $0)) }

    private static func rows(of attribute: FlowAttribute) -> [AttributeRow] {
        func row(_ what: String, _ base: Flow, _ change: (inout Flow) -> Void) -> AttributeRow {
            AttributeRow(attribute, what, base, change)
        }
        switch attribute {
        case .reply:
            return [
                row("SNAT", tcp) { $0.reply.destination = Address(ipv4: 0xcb00_7101) },
                row("SNAT of the port", tcp) { $0.reply.destinationKey = 40_001 },
                row("DNAT", tcp) { $0.reply.source = Address(ipv4: 0xc0a8_0a63) },
                row("DNAT of the port", tcp) { $0.reply.sourceKey = 8443 },
                row("both at once", tcp) {
                    $0.reply.source = Address(ipv4: 0xc0a8_0a63)
                    $0.reply.destination = Address(ipv4: 0xcb00_7101)
                },
                row("SNAT of IPv6", ipv6) { $0.reply.destination.low = 99 },
                row("DNAT of IPv6", ipv6) { $0.reply.source.high = 0x2001_0db8_0000_0005 },
                row("SNAT of SCTP's port", sctp) { $0.reply.destinationKey = 40_001 },
                row("SNAT of DCCP's port", dccp) { $0.reply.destinationKey = 40_001 },
                row("SNAT of UDP-Lite's port", udplite) { $0.reply.destinationKey = 40_001 },
                row("SNAT of an ICMP id", icmp) { $0.reply.sourceKey = 78 },
                row("SNAT of a protocol by its addresses", ospf) { $0.reply.destination = Address(ipv4: 0xcb00_7101) },
            ]
        case .zone:
            return [
                row("both directions", tcp) { ($0.original.zone, $0.reply.zone) = (5, 5) },
                row("the original direction", tcp) { $0.original.zone = 5 },
                row("the reply direction", tcp) { $0.reply.zone = .max },
            ]
        case .status:
            return (0..<32).map { FlowStatus(rawValue: 1 << $0) }.filter { FlowStatus.replicated.contains($0) }
                .map { bit in row("bit \(bit.rawValue)", bare) { $0.status.formSymmetricDifference(bit) } }
        case .timeout:
            return [
                row("longest", tcp) { $0.timeout = Flow.maximumTimeout },
                row("none", tcp) { $0.timeout = 0 },
            ]
        case .mark:
            return [row("a mark", tcp) { $0.mark = 0xdead_beef }]
        case .master:
            return [
                row("of the same protocol", related) { $0.master = tcp.original },
                row("of another protocol", related) { $0.master = icmp.original },
                row("of a protocol without ports", related) { $0.master = ospf.original },
                row("of IPv6", ipv6) {
                    $0.master = $0.original
                    $0.master?.sourceKey = 7
                },
            ]
        case .protocolState:
            return TCPState.allCases.filter { $0 != .established }
                .map { state in row("TCP \(state)", tcp) { $0.tcp?.state = state } }
                + SCTPState.allCases.filter { $0 != .established }
                .map { state in row("SCTP \(state)", sctp) { $0.state = .sctp(sctpInfo(state)) } }
                + DCCPState.allCases.filter { $0 != .open }
                .map { state in row("DCCP \(state)", dccp) { $0.state = .dccp(dccpInfo(state)) } }
        case .protocolDetails:
            return [
                row("TCP's original scale", tcp) { $0.tcp?.originalScale = 14 },
                row("TCP's reply scale", tcp) { $0.tcp?.replyScale = 0 },
                row("TCP's original flags", tcp) { $0.tcp?.originalFlags = [.sackPermitted, .closeInit] },
                row("TCP's reply flags", tcp) { $0.tcp?.replyFlags = .windowScale },
                row("SCTP's original tag", sctp) {
                    $0.state = .sctp(SCTPInfo(state: .established, originalTag: .max, replyTag: 3))
                },
                row("SCTP's reply tag", sctp) {
                    $0.state = .sctp(SCTPInfo(state: .established, originalTag: 2, replyTag: .max))
                },
                row("DCCP's role", dccp) {
                    $0.state = .dccp(DCCPInfo(state: .open, originalIsServer: true, handshakeSequence: 9))
                },
                row("DCCP's number", dccp) {
                    $0.state = .dccp(DCCPInfo(state: .open, handshakeSequence: 1 << 48 - 1))
                },
            ]
        case .helper:
            return [
                row("ftp", tcp) { $0.extensions.helper = KernelName("ftp") ?? .none },
                row("the longest name", tcp) {
                    $0.extensions.helper = KernelName(String(repeating: "n", count: KernelName.helperLimit)) ?? .none
                },
            ]
        case .labels:
            return [0, 31, 32, 63, 64, 95, 96, 127].map { label in
                row("label \(label)", tcp) {
                    if label < 64 {
                        $0.extensions.labels.low = 1 << UInt64(label)
                    } else {
                        $0.extensions.labels.high = 1 << UInt64(label - 64)
                    }
                }
            }
        case .sequence:
            return [
                row("the original position", tcp) { $0.extensions.sequence.original.position = .max },
                row("before, original", tcp) { $0.extensions.sequence.original.before = -5 },
                row("after, original", tcp) { $0.extensions.sequence.original.after = .max },
                row("the reply position", tcp) { $0.extensions.sequence.reply.position = 1 },
                row("before, reply", tcp) { $0.extensions.sequence.reply.before = .min },
                row("after, reply", tcp) { $0.extensions.sequence.reply.after = -1 },
            ]
        case .synproxy:
            return [
                row("the initial sequence number", tcp) { $0.extensions.synproxy.initialSequence = .max },
                row("the initial timestamp", tcp) { $0.extensions.synproxy.initialTimestamp = 1 },
                row("the offset of timestamps", tcp) { $0.extensions.synproxy.timestampOffset = .max },
            ]
        }
    }
}
