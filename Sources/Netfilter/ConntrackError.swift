internal import Glibc
public import LinuxIO

/// Why a part of this kernel's conntrack cannot be used.
public enum ConntrackError: Error, Equatable, Sendable {
    /// CAP_NET_ADMIN is missing in the user namespace that owns this network namespace.
    case notPermitted
    /// The kernel has no ctnetlink.
    case unavailable
    /// The socket failed.
    case socket(NetlinkError)

    /// Sorts a failure of a socket by what the operator can do about it.
    init(_ error: NetlinkError) {
        switch error.errno {
        case EPERM, EACCES: self = .notPermitted
        case EPROTONOSUPPORT, EAFNOSUPPORT: self = .unavailable
        default: self = .socket(error)
        }
    }

    /// Sorts the kernel's answer to a request; nil if it says that ctnetlink is there.
    static func sort(answer errno: Int32) -> ConntrackError? {
        switch errno {
        case EPERM, EACCES: .notPermitted
        // nfnetlink does not know the subsystem, or could not load it (nfnetlink_rcv_msg).
        case EINVAL, EOPNOTSUPP: .unavailable
        default: nil
        }
    }
}
