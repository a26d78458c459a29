public import Conntrack

/// What this network namespace's kernel says about conntrack (sysctl net.netfilter.*).
///
/// Read in the namespace of the calling thread. What a kernel does not tell has its default, or is nil.
public struct KernelFacts: Sendable, Equatable {
    /// When flows make events (sysctl nf_conntrack_events).
    public enum Events: Int, Sendable, CaseIterable {
        case never = 0
        case always = 1
        /// Only flows that begin while somebody listens.
        case automatic = 2
    }

    /// Flows in the table of this namespace.
    public var entries: Int?
    /// Flows at most, in all namespaces.
    public var limit: Int?
    /// Hash buckets, of all namespaces.
    public var buckets: Int?
    public var events: Events?
    public var timeouts: ProtocolTimeouts

    /// Reads everything; some thirty small files, so not for every turn.
    public static func read() -> KernelFacts {
        KernelFacts(
            entries: entries(), limit: limit(), buckets: number("nf_conntrack_buckets"),
            events: number("nf_conntrack_events").flatMap(Events.init), timeouts: timeouts())
    }

    /// Flows in the table of this namespace now.
    public static func entries() -> Int? { number("nf_conntrack_count") }

    /// Flows at most, in all namespaces.
    public static func limit() -> Int? { number("nf_conntrack_max") }

    /// The full timeouts; the kernel's own defaults where a file is missing.
    public static func timeouts() -> ProtocolTimeouts {
        var timeouts = ProtocolTimeouts()
        let states: [(TCPState, String)] = [
            (.synSent, "syn_sent"), (.synReceived, "syn_recv"), (.established, "established"), (.finWait, "fin_wait"),
            (.closeWait, "close_wait"), (.lastACK, "last_ack"), (.timeWait, "time_wait"), (.close, "close"),
        ]
        for (state, name) in states {
            set(&timeouts.tcp[Int(state.rawValue)], "tcp_timeout_\(name)")
        }
        set(&timeouts.udp, "udp_timeout")
        set(&timeouts.udpStream, "udp_timeout_stream")
        set(&timeouts.icmp, "icmp_timeout")
        set(&timeouts.icmpv6, "icmpv6_timeout")
        let associations: [(SCTPState, String)] = [
            (.closed, "closed"), (.cookieWait, "cookie_wait"), (.cookieEchoed, "cookie_echoed"),
            (.established, "established"), (.shutdownSent, "shutdown_sent"), (.shutdownReceived, "shutdown_recd"),
            (.shutdownACKSent, "shutdown_ack_sent"), (.heartbeatSent, "heartbeat_sent"),
        ]
        for (state, name) in associations {
            set(&timeouts.sctp[Int(state.rawValue)], "sctp_timeout_\(name)")
        }
        set(&timeouts.gre, "gre_timeout")
        set(&timeouts.greStream, "gre_timeout_stream")
        set(&timeouts.generic, "generic_timeout")
        return timeouts
    }

    private static func set(_ timeout: inout UInt32, _ name: String) {
        if let seconds = number("nf_conntrack_\(name)") { timeout = UInt32(clamping: seconds) }
    }

    private static func number(_ name: String) -> Int? {
        guard let bytes = ProcFile.read("/proc/sys/net/netfilter/\(name)") else { return nil }
        return Int(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber })
    }
}
