internal import Glibc

/// A system call that failed: its name and the errno it left.
public struct SystemCallError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The call's name, as its manual page has it.
    public let call: StaticString
    /// The errno.
    public let number: Int32

    /// Makes an error of an errno.
    public init(_ call: StaticString, errno number: Int32) {
        self.call = call
        self.number = number
    }

    /// Makes an error of the errno that the calling thread's last failed call left.
    public init(_ call: StaticString) { self.init(call, errno: errno) }

    /// The call and the errno's text, as in `bind: Address already in use`.
    public var description: String { "\(call): \(Self.text(of: number))" }

    /// An errno's text.
    public static func text(of number: Int32) -> String {
        guard let text = unsafe strerror(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }

    /// Whether both name the same call and errno.
    public static func == (left: SystemCallError, right: SystemCallError) -> Bool {
        left.number == right.number && left.call.description == right.call.description
    }
}
