/// What the kernel's SCTP tracker knows of an association.
public struct SCTPInfo: Hashable, BitwiseCopyable, Sendable {
    public var state: SCTPState
    /// The verification tag that packets of the original direction carry (RFC 9260, section 8.5).
    public var originalTag: UInt32
    /// The verification tag that packets of the reply direction carry.
    public var replyTag: UInt32

    /// Makes the information of an association.
    public init(state: SCTPState, originalTag: UInt32 = 0, replyTag: UInt32 = 0) {
        self.state = state
        self.originalTag = originalTag
        self.replyTag = replyTag
    }
}

/// The state of an SCTP association; raw values are the kernel's (enum sctp_conntrack, nf_conntrack_sctp.h).
public enum SCTPState: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case none = 0
    case closed
    case cookieWait
    case cookieEchoed
    case established
    case shutdownSent
    case shutdownReceived
    case shutdownACKSent
    case heartbeatSent
    /// Of kernels before 6.3, which tracked the second path of an association so.
    case heartbeatAcked

    /// Whether the association ends by itself soon.
    public var isClosing: Bool {
        switch self {
        case .shutdownSent, .shutdownReceived, .shutdownACKSent: true
        default: false
        }
    }

    /// The kernel's name, as `conntrack -L` prints it.
    public var name: String {
        switch self {
        case .none: "NONE"
        case .closed: "CLOSED"
        case .cookieWait: "COOKIE_WAIT"
        case .cookieEchoed: "COOKIE_ECHOED"
        case .established: "ESTABLISHED"
        case .shutdownSent: "SHUTDOWN_SENT"
        case .shutdownReceived: "SHUTDOWN_RECD"
        case .shutdownACKSent: "SHUTDOWN_ACK_SENT"
        case .heartbeatSent: "HEARTBEAT_SENT"
        case .heartbeatAcked: "HEARTBEAT_ACKED"
        }
    }
}
