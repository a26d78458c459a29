internal import CLinux
internal import Glibc
public import StateMachine

/// One end of a stream between two local processes (unix(7)); framing is the business of whoever uses it.
public struct UnixConnection: ~Copyable, Sendable {
    /// Who the other end was when it connected, as the kernel knows it (SO_PEERCRED).
    public struct Peer: Equatable, Sendable {
        public let processID: Int32
        public let userID: UInt32
        public let groupID: UInt32

        /// Makes a peer; the control server's tests do, too.
        public init(processID: Int32, userID: UInt32, groupID: UInt32) {
            self.processID = processID
            self.userID = userID
            self.groupID = groupID
        }
    }

    /// Why no connection was made.
    public enum ConnectFailure: Error, Equatable, Sendable {
        /// Nobody listens there: no file, or one that a dead process left.
        case nobodyListens
        /// The file's mode keeps this user out.
        case notPermitted
        /// The path is empty or longer than 107 bytes.
        case unusablePath
        case system(SystemCallError)
    }

    /// What became of a read or a write.
    public enum Outcome: Equatable, Sendable {
        /// So many bytes were moved, at least one.
        case moved(Int)
        /// Nothing can be moved now; where a timeout is set, it has passed.
        case wouldBlock
        /// The other end is gone.
        case closed
    }

    private let descriptor: FileDescriptor

    init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// Connects to a listener; reads and writes then wait, each for at most `timeout`.
    public static func connect(
        to path: String, timeout: Instant.Span
    ) throws(ConnectFailure) -> UnixConnection {
        guard var address = UnixSocketAddress(path: path) else { throw .unusablePath }
        let socket: FileDescriptor
        do { socket = try UnixSocketAddress.openSocket(blocking: true) } catch { throw .system(error) }
        let number = socket.rawValue
        var limit = timeval()
        limit.tv_sec = Int(timeout.nanoseconds / 1_000_000_000)
        limit.tv_usec = Int(timeout.nanoseconds % 1_000_000_000 / 1_000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            guard unsafe setsockopt(number, SOL_SOCKET, option, &limit, size) == 0 else {
                throw .system(SystemCallError("setsockopt"))
            }
        }
        guard unsafe address.withPointer({ unsafe Glibc.connect(number, $0, $1) }) == 0 else {
            switch errno {
            case ENOENT, ECONNREFUSED, ENOTDIR: throw .nobodyListens
            case EACCES, EPERM: throw .notPermitted
            case let number: throw .system(SystemCallError("connect", errno: number))
            }
        }
        return UnixConnection(owning: socket)
    }

    /// The descriptor's number, for epoll; valid while the owner lives.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Who is at the other end.
    public func peer() throws(SystemCallError) -> Peer {
        var credentials = (pid: Int32(0), uid: UInt32(0), gid: UInt32(0))
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        let number = descriptor.rawValue
        let result = unsafe withUnsafeMutableBytes(of: &credentials) { bytes in
            unsafe getsockopt(number, SOL_SOCKET, SO_PEERCRED, bytes.baseAddress, &size)
        }
        guard result == 0 else { throw SystemCallError("getsockopt") }
        return Peer(processID: credentials.pid, userID: credentials.uid, groupID: credentials.gid)
    }

    /// Reads at most `limit` bytes to the end of `buffer`.
    public func read(into buffer: inout [UInt8], limit: Int) throws(SystemCallError) -> Outcome {
        precondition(limit > 0)
        var failure: Int32 = 0
        let number = descriptor.rawValue
        let piece = unsafe [UInt8](unsafeUninitializedCapacity: limit) { bytes, count in
            let result = unsafe Glibc.read(number, bytes.baseAddress, limit)
            failure = result < 0 ? errno : 0
            count = max(result, 0)
        }
        switch failure {
        case 0:
            if piece.isEmpty { return .closed }
            buffer += piece
            return .moved(piece.count)
        case EAGAIN, EINTR: return .wouldBlock
        case ECONNRESET: return .closed
        default: throw SystemCallError("read", errno: failure)
        }
    }

    /// Writes bytes from `offset` on, as many as go now.
    public func write(_ bytes: borrowing RawSpan, from offset: Int = 0) throws(SystemCallError) -> Outcome {
        precondition(offset >= 0 && offset < bytes.byteCount)
        let number = descriptor.rawValue
        let count = unsafe bytes.withUnsafeBytes { all in
            let start = unsafe all.baseAddress.map { unsafe $0 + offset }
            return unsafe send(number, start, all.count - offset, Int32(MSG_NOSIGNAL))
        }
        if count >= 0 { return .moved(count) }
        switch errno {
        case EAGAIN, EINTR: return .wouldBlock
        case EPIPE, ECONNRESET: return .closed
        case let number: throw SystemCallError("send", errno: number)
        }
    }

    /// Tells the other end that nothing more will be written; reading goes on.
    public func finishWriting() { _ = shutdown(descriptor.rawValue, Int32(SHUT_WR)) }
}
