/// What the kernel's TCP tracker knows of a flow and lets others read and write.
public struct TCPInfo: Hashable, BitwiseCopyable, Sendable {
    public var state: TCPState
    /// Window scale of the original direction, 0 to 14; meaningful with the flag `windowScale`.
    public var originalScale: UInt8
    /// Window scale of the reply direction, 0 to 14; meaningful with the flag `windowScale`.
    public var replyScale: UInt8
    public var originalFlags: TCPFlags
    public var replyFlags: TCPFlags

    /// Makes the information of a TCP flow.
    public init(
        state: TCPState, originalScale: UInt8 = 0, replyScale: UInt8 = 0, originalFlags: TCPFlags = [],
        replyFlags: TCPFlags = []
    ) {
        self.state = state
        self.originalScale = originalScale
        self.replyScale = replyScale
        self.originalFlags = originalFlags
        self.replyFlags = replyFlags
    }

    /// Whether both sides announced a window scale, so that strict window tracking can begin anew.
    public var knowsBothScales: Bool { originalFlags.contains(.windowScale) && replyFlags.contains(.windowScale) }
}

/// The state of a TCP flow; raw values are the kernel's (enum tcp_conntrack, nf_conntrack_tcp.h).
public enum TCPState: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case none = 0
    case synSent
    case synReceived
    case established
    case finWait
    case closeWait
    case lastACK
    case timeWait
    case close
    /// A simultaneous open; the kernel names it LISTEN for old readers.
    case synSent2

    /// Whether the flow ends by itself soon: its end must not wait for a commit, and its destroy is no surprise.
    public var isClosing: Bool {
        switch self {
        case .finWait, .closeWait, .lastACK, .timeWait, .close: true
        case .none, .synSent, .synReceived, .established, .synSent2: false
        }
    }

    /// Whether nothing is to come any more: a half-closed connection may still carry a download.
    public var isOver: Bool { self == .timeWait || self == .close }

    /// The kernel's name, as `conntrack -L` prints it.
    public var name: String {
        switch self {
        case .none: "NONE"
        case .synSent: "SYN_SENT"
        case .synReceived: "SYN_RECV"
        case .established: "ESTABLISHED"
        case .finWait: "FIN_WAIT"
        case .closeWait: "CLOSE_WAIT"
        case .lastACK: "LAST_ACK"
        case .timeWait: "TIME_WAIT"
        case .close: "CLOSE"
        case .synSent2: "SYN_SENT2"
        }
    }

    /// Two letters, as in the table that VyOS documents.
    public var code: String {
        switch self {
        case .none: "--"
        case .synSent: "SS"
        case .synReceived: "SR"
        case .established: "ES"
        case .finWait: "FW"
        case .closeWait: "CW"
        case .lastACK: "LA"
        case .timeWait: "TW"
        case .close: "CL"
        case .synSent2: "LI"
        }
    }
}

/// What one side of a TCP flow showed (IP_CT_TCP_FLAG_*, nf_conntrack_tcp.h).
public struct TCPFlags: OptionSet, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt8

    /// Makes a set from the kernel's bits.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let windowScale = TCPFlags(rawValue: 0x01)
    public static let sackPermitted = TCPFlags(rawValue: 0x02)
    /// This side sent the first FIN.
    public static let closeInit = TCPFlags(rawValue: 0x04)
    /// Packets outside the window are accepted, and do not move it.
    public static let beLiberal = TCPFlags(rawValue: 0x08)

    /// The flags that mean the same on another node.
    public static let replicated: TCPFlags = [.windowScale, .sackPermitted, .closeInit]
}
