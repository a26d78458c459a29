internal import LinuxIO
internal import Netfilter

/// A failed system call, or an argument that cannot work.
enum LabError: Error, CustomStringConvertible {
    /// A text that is no address.
    case notAnAddress(String)
    /// A system call that failed.
    case system(SystemCallError)
    /// A report that could not be written.
    case report(path: String, SystemCallError)
    /// The kernel's table could not be written at all.
    case table(ConntrackError)

    var description: String {
        switch self {
        case .notAnAddress(let text): "\(text) is not an address"
        case .system(let error): "\(error)"
        case .report(let path, let error): "cannot write \(path): \(error)"
        case .table(let error): "cannot write the kernel's table: \(error)"
        }
    }
}
