/// What the kernel's tracker of a flow's protocol knows of it and lets others read and write.
public enum ProtocolState: Hashable, BitwiseCopyable, Sendable {
    /// The protocol has no state, or the message carried none.
    case none
    case tcp(TCPInfo)
    case sctp(SCTPInfo)
    case dccp(DCCPInfo)

    /// The protocol that the state belongs to; nil for none.
    public var `protocol`: ProtocolNumber? {
        switch self {
        case .none: nil
        case .tcp: .tcp
        case .sctp: .sctp
        case .dccp: .dccp
        }
    }

    /// Whether the flow ends by itself soon.
    public var isClosing: Bool {
        switch self {
        case .none: false
        case .tcp(let info): info.state.isClosing
        case .sctp(let info): info.state.isClosing
        case .dccp(let info): info.state.isClosing
        }
    }

    /// Whether nothing is to come any more.
    public var isOver: Bool {
        switch self {
        case .none: false
        case .tcp(let info): info.state.isOver
        case .sctp(let info): info.state.isClosing || info.state == .closed
        case .dccp(let info): info.state.isClosing
        }
    }

    /// The state that a message told which carried details too, or the state alone beside the details held so far.
    func merged(_ told: ProtocolState, withDetails: Bool) -> ProtocolState {
        guard !withDetails else { return told }
        switch (self, told) {
        case (.tcp(var info), .tcp(let newer)):
            info.state = newer.state
            return .tcp(info)
        case (.sctp(var info), .sctp(let newer)):
            info.state = newer.state
            return .sctp(info)
        case (.dccp(var info), .dccp(let newer)):
            info.state = newer.state
            return .dccp(info)
        default:
            return told
        }
    }

    /// The state with nothing beside it: no scales, flags, tags or numbers.
    var withoutDetails: ProtocolState {
        switch self {
        case .none: .none
        case .tcp(let info): .tcp(TCPInfo(state: info.state))
        case .sctp(let info): .sctp(SCTPInfo(state: info.state))
        case .dccp(let info): .dccp(DCCPInfo(state: info.state))
        }
    }

    /// The state as a peer is told of it.
    var replicated: ProtocolState {
        guard case .tcp(var info) = self else { return self }
        info.originalFlags.formIntersection(.replicated)
        info.replyFlags.formIntersection(.replicated)
        return .tcp(info)
    }
}
