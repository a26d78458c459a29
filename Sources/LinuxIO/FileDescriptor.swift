internal import Glibc

/// An open descriptor with one owner; closed when the owner goes.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The number, for a system call; valid while the owner lives.
    public let rawValue: Int32

    /// Takes ownership of an open descriptor.
    public init(owning rawValue: Int32) {
        precondition(rawValue >= 0, "descriptor \(rawValue) is not open")
        self.rawValue = rawValue
    }

    deinit { _ = close(rawValue) }

    /// Gives the descriptor away unclosed.
    public consuming func release() -> Int32 {
        let number = rawValue
        discard self
        return number
    }
}
