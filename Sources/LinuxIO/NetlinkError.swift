/// Why a netlink socket could not do what was asked.
public enum NetlinkError: Error, Equatable, Sendable {
    /// A system call failed with this errno.
    case failed(Operation, errno: Int32)

    /// The system call, by what it was for.
    public enum Operation: UInt8, Sendable, CaseIterable {
        case open
        case bind
        case readPortID
        case join
        case leave
        case setBuffer
        case setOption
        case attachFilter
        case send
        case receive
    }

    /// The errno of the failed call.
    public var errno: Int32 {
        switch self {
        case .failed(_, let errno): errno
        }
    }
}
