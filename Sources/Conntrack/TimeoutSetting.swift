/// The settings that decide how long a flow lives, in the order of the wire; a new one goes to the end.
public enum TimeoutSetting: UInt8, CaseIterable, Sendable {
    case tcpSynSent
    case tcpSynReceived
    case tcpEstablished
    case tcpFinWait
    case tcpCloseWait
    case tcpLastACK
    case tcpTimeWait
    case tcpClose
    case udp
    case udpStream
    case icmp
    case icmpv6
    case sctpClosed
    case sctpCookieWait
    case sctpCookieEchoed
    case sctpEstablished
    case sctpShutdownSent
    case sctpShutdownReceived
    case sctpShutdownACKSent
    case sctpHeartbeatSent
    case gre
    case greStream
    case generic

    /// The sysctl's name behind `net.netfilter.nf_conntrack_`.
    public var sysctl: String {
        switch self {
        case .tcpSynSent: "tcp_timeout_syn_sent"
        case .tcpSynReceived: "tcp_timeout_syn_recv"
        case .tcpEstablished: "tcp_timeout_established"
        case .tcpFinWait: "tcp_timeout_fin_wait"
        case .tcpCloseWait: "tcp_timeout_close_wait"
        case .tcpLastACK: "tcp_timeout_last_ack"
        case .tcpTimeWait: "tcp_timeout_time_wait"
        case .tcpClose: "tcp_timeout_close"
        case .udp: "udp_timeout"
        case .udpStream: "udp_timeout_stream"
        case .icmp: "icmp_timeout"
        case .icmpv6: "icmpv6_timeout"
        case .sctpClosed: "sctp_timeout_closed"
        case .sctpCookieWait: "sctp_timeout_cookie_wait"
        case .sctpCookieEchoed: "sctp_timeout_cookie_echoed"
        case .sctpEstablished: "sctp_timeout_established"
        case .sctpShutdownSent: "sctp_timeout_shutdown_sent"
        case .sctpShutdownReceived: "sctp_timeout_shutdown_recd"
        case .sctpShutdownACKSent: "sctp_timeout_shutdown_ack_sent"
        case .sctpHeartbeatSent: "sctp_timeout_heartbeat_sent"
        case .gre: "gre_timeout"
        case .greStream: "gre_timeout_stream"
        case .generic: "generic_timeout"
        }
    }

    /// Where `ProtocolTimeouts` keeps it.
    fileprivate var place: WritableKeyPath<ProtocolTimeouts, UInt32> {
        switch self {
        case .tcpSynSent: Self.tcp(.synSent)
        case .tcpSynReceived: Self.tcp(.synReceived)
        case .tcpEstablished: Self.tcp(.established)
        case .tcpFinWait: Self.tcp(.finWait)
        case .tcpCloseWait: Self.tcp(.closeWait)
        case .tcpLastACK: Self.tcp(.lastACK)
        case .tcpTimeWait: Self.tcp(.timeWait)
        case .tcpClose: Self.tcp(.close)
        case .udp: \.udp
        case .udpStream: \.udpStream
        case .icmp: \.icmp
        case .icmpv6: \.icmpv6
        case .sctpClosed: Self.sctp(.closed)
        case .sctpCookieWait: Self.sctp(.cookieWait)
        case .sctpCookieEchoed: Self.sctp(.cookieEchoed)
        case .sctpEstablished: Self.sctp(.established)
        case .sctpShutdownSent: Self.sctp(.shutdownSent)
        case .sctpShutdownReceived: Self.sctp(.shutdownReceived)
        case .sctpShutdownACKSent: Self.sctp(.shutdownACKSent)
        case .sctpHeartbeatSent: Self.sctp(.heartbeatSent)
        case .gre: \.gre
        case .greStream: \.greStream
        case .generic: \.generic
        }
    }

    private static func tcp(_ state: TCPState) -> WritableKeyPath<ProtocolTimeouts, UInt32> {
        \.tcp[Int(state.rawValue)]
    }

    private static func sctp(_ state: SCTPState) -> WritableKeyPath<ProtocolTimeouts, UInt32> {
        \.sctp[Int(state.rawValue)]
    }
}

extension ProtocolTimeouts {
    /// One timeout by its setting, in seconds.
    public subscript(setting: TimeoutSetting) -> UInt32 {
        get { self[keyPath: setting.place] }
        set { self[keyPath: setting.place] = newValue }
    }
}
