internal import Glibc

/// A failed system call, or an argument that cannot work.
enum LabError: Error, CustomStringConvertible {
    /// An address that is not dotted IPv4.
    case notAnAddress(String)
    /// A system call that failed, with its errno.
    case systemCall(StaticString, Int32)
    /// A report that could not be written.
    case report(path: String, Int32)

    var description: String {
        switch self {
        case .notAnAddress(let text): "\(text) is not an IPv4 address"
        case .systemCall(let operation, let number): "\(operation): \(Self.text(of: number))"
        case .report(let path, let number): "cannot write \(path): \(Self.text(of: number))"
        }
    }

    private static func text(of number: Int32) -> String {
        guard let text = unsafe strerror(number) else { return "errno \(number)" }
        return unsafe String(cString: text)
    }
}
