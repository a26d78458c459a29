internal import CLinux
internal import Glibc

/// A wake-up for a thread that waits in `Epoll`, given from any thread (eventfd(2)).
public struct EventDescriptor: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// Opens a wake-up that nobody has given yet.
    public init() throws(SystemCallError) {
        let number = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard number >= 0 else { throw SystemCallError("eventfd") }
        descriptor = FileDescriptor(owning: number)
    }

    /// The descriptor's number, for epoll; valid while the owner lives.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Makes the descriptor readable; several calls before a `drain` are one wake-up.
    public func signal() {
        // EAGAIN means that the counter is full: then the descriptor is readable anyway.
        _ = eventfd_write(descriptor.rawValue, 1)
    }

    /// Takes the wake-up back; whether there was one.
    @discardableResult public func drain() -> Bool {
        var value: eventfd_t = 0
        return unsafe eventfd_read(descriptor.rawValue, &value) == 0
    }
}
