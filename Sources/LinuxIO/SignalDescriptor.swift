internal import CLinux
internal import Glibc

/// The signals that the agent answers, read from a descriptor instead of interrupting (signalfd(2)).
///
/// Made by the first thread before it starts others: they inherit that these signals are blocked, and so do child
/// processes until their `exec` unblocks them. SIGPIPE is ignored from then on.
public struct SignalDescriptor: ~Copyable, Sendable {
    /// A signal that is read; raw values are those of signal(7).
    public enum Signal: Int32, Sendable, CaseIterable {
        case hangUp = 1
        case interrupt = 2
        case terminate = 15
    }

    private let descriptor: FileDescriptor

    /// Blocks the signals in the calling thread and opens the descriptor.
    public init() throws(SystemCallError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in Signal.allCases { unsafe sigaddset(&set, signal.rawValue) }
        let result = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        guard result == 0 else { throw SystemCallError("pthread_sigmask", errno: result) }
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
        let number = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        guard number >= 0 else { throw SystemCallError("signalfd") }
        descriptor = FileDescriptor(owning: number)
    }

    /// The descriptor's number, for epoll; valid while the owner lives.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Takes the next signal that came; nil when none is left.
    public func next() -> Signal? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        let number = descriptor.rawValue
        let count = unsafe withUnsafeMutableBytes(of: &information) { unsafe read(number, $0.baseAddress, size) }
        guard count == size else { return nil }
        return Signal(rawValue: Int32(bitPattern: information.ssi_signo))
    }
}
