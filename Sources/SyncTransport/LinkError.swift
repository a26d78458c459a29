internal import Glibc
public import LinuxIO

/// Why a link could not be opened, or its device not be read.
public enum LinkError: Error, Equatable, Sendable {
    /// The settings contradict themselves.
    case unusable(LinkSettings.Fault)
    /// No interface has this name now; it may come.
    case interfaceMissing
    /// The interface is not up; it may come up.
    case interfaceDown
    /// No listen address is one of the interface's, or is still being checked for duplicates; it may come.
    case addressNotAssigned
    /// Another process has the port.
    case portInUse
    /// The process may not do this.
    case notPermitted(SystemCallError)
    /// The kernel refused for another reason.
    case system(SystemCallError)

    /// Whether the same settings may work later, without anyone changing them.
    public var mayPass: Bool {
        switch self {
        case .interfaceMissing, .interfaceDown, .addressNotAssigned, .portInUse, .system: true
        case .unusable, .notPermitted: false
        }
    }

    /// Sorts what a system call said.
    init(_ error: SystemCallError) {
        switch error.number {
        case ENODEV, ENXIO: self = .interfaceMissing
        case ENETDOWN: self = .interfaceDown
        case EADDRNOTAVAIL: self = .addressNotAssigned
        case EADDRINUSE: self = .portInUse
        case EACCES, EPERM: self = .notPermitted(error)
        default: self = .system(error)
        }
    }
}
