/// The full timeouts of this node's kernel in seconds, by protocol and state (sysctl net.netfilter.nf_conntrack_*).
public struct ProtocolTimeouts: Sendable, Equatable {
    /// By `TCPState` raw value.
    public var tcp: [UInt32]
    /// Until a flow has talked for two seconds both ways.
    public var udp: UInt32
    /// From then on, which makes it assured (`udp_timeout_stream`).
    public var udpStream: UInt32
    public var icmp: UInt32
    public var icmpv6: UInt32
    /// By `SCTPState` raw value.
    public var sctp: [UInt32]
    /// One direction only.
    public var gre: UInt32
    /// Both directions (`gre_timeout_stream`).
    public var greStream: UInt32
    /// Any other protocol.
    public var generic: UInt32

    /// The kernel's own defaults (net/netfilter/nf_conntrack_proto_*.c).
    public init() {
        tcp = Array(repeating: 120, count: TCPState.allCases.count)
        tcp[Int(TCPState.synReceived.rawValue)] = 60
        tcp[Int(TCPState.established.rawValue)] = 432_000
        tcp[Int(TCPState.closeWait.rawValue)] = 60
        tcp[Int(TCPState.lastACK.rawValue)] = 30
        tcp[Int(TCPState.close.rawValue)] = 10
        udp = 30
        udpStream = 120
        icmp = 30
        icmpv6 = 30
        sctp = Array(repeating: 3, count: SCTPState.allCases.count)
        sctp[Int(SCTPState.closed.rawValue)] = 10
        sctp[Int(SCTPState.established.rawValue)] = 210
        sctp[Int(SCTPState.heartbeatSent.rawValue)] = 30
        sctp[Int(SCTPState.heartbeatAcked.rawValue)] = 210
        gre = 30
        greStream = 180
        generic = 600
    }

    /// The timeout that a packet would give the flow in its present state.
    public func fullTimeout(of flow: Flow) -> UInt32 {
        switch flow.original.protocol {
        case .tcp: tcp[Int((flow.tcp?.state ?? .established).rawValue)]
        case .udp, .udplite: flow.status.contains(.assured) ? udpStream : udp
        case .icmp: icmp
        case .icmpv6: icmpv6
        case .sctp:
            if case .sctp(let info) = flow.state {
                sctp[Int(info.state.rawValue)]
            } else {
                sctp[Int(SCTPState.established.rawValue)]
            }
        case .gre: flow.status.contains(.seenReply) ? greStream : gre
        default: generic
        }
    }

    /// The timeout for a flow that this node takes over: a live flow must not die because a refresh made no event.
    ///
    /// Too long by one timeout at most, never too short; within what the kernel takes. No packet moves the timeout of
    /// a GRE entry that was written, so it is half as long again: time to see that it lives and to make it anew.
    public func takeoverTimeout(of flow: Flow) -> UInt32 {
        let full = fullTimeout(of: flow)
        let fixed = flow.original.protocol == .gre ? full + full / 2 : full
        return min(max(flow.timeout, fixed, 1), Flow.maximumTimeout)
    }
}
