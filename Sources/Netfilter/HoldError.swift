internal import Glibc
public import LinuxIO

/// Why the hold's table cannot be made or changed.
public enum HoldError: Error, Equatable, Sendable {
    /// CAP_NET_ADMIN is missing in the user namespace that owns this network namespace.
    case notPermitted
    /// The kernel has no nf_tables.
    case unavailable
    /// Another process has a table of this name.
    case taken
    /// The kernel refused a message of the transaction.
    case refused(errno: Int32)
    /// The kernel said nothing.
    case unanswered
    /// The socket failed.
    case socket(NetlinkError)

    init(_ error: NetlinkError) {
        switch error.errno {
        case EPERM, EACCES: self = .notPermitted
        case EPROTONOSUPPORT, EAFNOSUPPORT: self = .unavailable
        default: self = .socket(error)
        }
    }

    /// Sorts the kernel's answer; what it says of the begin is said of the subsystem and of this process.
    init(_ errno: Int32, ofWholeBatch: Bool) {
        switch errno {
        case EPERM: self = ofWholeBatch ? .notPermitted : .taken
        case EOPNOTSUPP, EINVAL: self = ofWholeBatch ? .unavailable : .refused(errno: errno)
        case EEXIST: self = .taken
        default: self = .refused(errno: errno)
        }
    }
}
