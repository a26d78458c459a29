internal import Conntrack
internal import LabSupport

/// The full timeouts of a namespace's kernel, in seconds, as its settings say.
struct KernelTimeouts {
    private let settings: [String: UInt32]

    private static let tcp = [
        "tcp_timeout_max_retrans", "tcp_timeout_syn_sent", "tcp_timeout_syn_recv", "tcp_timeout_established",
        "tcp_timeout_fin_wait", "tcp_timeout_close_wait", "tcp_timeout_last_ack", "tcp_timeout_time_wait",
        "tcp_timeout_close", "tcp_timeout_syn_sent",
    ]
    private static let sctp = [
        "sctp_timeout_closed", "sctp_timeout_closed", "sctp_timeout_cookie_wait", "sctp_timeout_cookie_echoed",
        "sctp_timeout_established", "sctp_timeout_shutdown_sent", "sctp_timeout_shutdown_recd",
        "sctp_timeout_shutdown_ack_sent", "sctp_timeout_heartbeat_sent",
    ]

    /// Reads the settings of a namespace.
    init(of namespace: String) throws {
        let text = try NetworkNamespace.with(named: namespace) { try Command.run("sysctl", "net.netfilter") }
        var settings: [String: UInt32] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " = ")
            guard parts.count == 2, let value = UInt32(parts[1]) else { continue }
            settings[String(parts[0]).replacing("net.netfilter.nf_conntrack_", with: "")] = value
        }
        self.settings = settings
    }

    /// What a packet would set a flow's timeout to in its state.
    func full(of entry: KernelEntry) -> UInt32 {
        guard entry.kind == .flow else { return 300 }
        let state = Int(entry.state ?? 0)
        let isStream = entry.status.contains(.assured)
        let full = setting(of: entry.original.protocol, state: state, isStream: isStream)
        // The agent makes GRE anew before it ends, and needs time to see that it lives.
        return entry.original.protocol == .gre ? full * 3 / 2 : full
    }

    private func setting(of protocol: ProtocolNumber, state: Int, isStream: Bool) -> UInt32 {
        let name: String
        switch `protocol` {
        case .tcp: name = Self.tcp.indices.contains(state) ? Self.tcp[state] : Self.tcp[0]
        case .sctp: name = Self.sctp.indices.contains(state) ? Self.sctp[state] : Self.sctp[0]
        case .udp, .udplite: name = isStream ? "udp_timeout_stream" : "udp_timeout"
        case .icmp: name = "icmp_timeout"
        case .icmpv6: name = "icmpv6_timeout"
        case .gre: name = isStream ? "gre_timeout_stream" : "gre_timeout"
        default: name = "generic_timeout"
        }
        return settings[name] ?? 600
    }
}
