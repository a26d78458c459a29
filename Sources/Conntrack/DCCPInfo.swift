/// What the kernel's DCCP tracker knows of a connection, on kernels that have one.
public struct DCCPInfo: Hashable, BitwiseCopyable, Sendable {
    public var state: DCCPState
    /// Whether the original direction is the server's (RFC 4340, section 4.3).
    public var originalIsServer: Bool
    /// The sequence number of the handshake, 48 bits.
    public var handshakeSequence: UInt64

    /// Makes the information of a connection.
    public init(state: DCCPState, originalIsServer: Bool = false, handshakeSequence: UInt64 = 0) {
        self.state = state
        self.originalIsServer = originalIsServer
        self.handshakeSequence = handshakeSequence
    }
}

/// The state of a DCCP connection; raw values are the kernel's (enum ct_dccp_states, nf_conntrack_dccp.h).
public enum DCCPState: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case none = 0
    case request
    case respond
    case partOpen
    case open
    case closeRequest
    case closing
    case timeWait

    /// Whether the connection ends by itself soon.
    public var isClosing: Bool { self == .closeRequest || self == .closing || self == .timeWait }

    /// The kernel's name, as `conntrack -L` prints it.
    public var name: String {
        switch self {
        case .none: "NONE"
        case .request: "REQUEST"
        case .respond: "RESPOND"
        case .partOpen: "PARTOPEN"
        case .open: "OPEN"
        case .closeRequest: "CLOSEREQ"
        case .closing: "CLOSING"
        case .timeWait: "TIMEWAIT"
        }
    }
}
