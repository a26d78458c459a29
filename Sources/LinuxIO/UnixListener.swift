internal import CLinux
// Of C modules that bring the same header, a release build shows its names to those who import the first one only.
internal import Glibc

/// A stream socket with a path in the file system (unix(7)); the file goes with its owner, if it is still its own.
///
/// One listener a path: a lock on `PATH.lock` (flock(2)), which stays behind, keeps two starts apart even when both
/// find the file of a dead one. That file is replaced; a live listener of anyone is not.
public struct UnixListener: ~Copyable, Sendable {
    /// Why nobody listens.
    public enum Failure: Error, Equatable, Sendable {
        /// Another process listens on this path.
        case inUse
        /// The path is empty or longer than 107 bytes.
        case unusablePath
        /// What is at this path is not a socket; it is left alone.
        case notASocket
        /// No group has this name.
        case unknownGroup(String)
        case system(SystemCallError)
    }

    /// Connections at most that wait to be accepted.
    public static let backlog: Int32 = 32

    private let descriptor: FileDescriptor
    private let lock: FileDescriptor
    private let path: String
    private let identity: FileIdentity

    /// Listens on a path.
    ///
    /// - Parameters:
    ///   - mode: the file's permissions, set before anyone can connect.
    ///   - group: the file's group, by name or number; nil leaves the process's own.
    public init(path: String, mode: UInt32 = 0o660, group: String? = nil) throws(Failure) {
        guard var address = UnixSocketAddress(path: path) else { throw .unusablePath }
        var groupID: UInt32?
        if let group {
            groupID = UnixGroup.number(of: group)
            if groupID == nil { throw .unknownGroup(group) }
        }
        let lock = try Self.lock(path + ".lock")
        try Self.removeStale(path)
        let socket: FileDescriptor
        do { socket = try UnixSocketAddress.openSocket(blocking: false) } catch { throw .system(error) }
        do {
            identity = try Self.listen(socket, at: &address, path: path, mode: mode, groupID: groupID)
        } catch {
            throw .system(error)
        }
        descriptor = socket
        self.lock = lock
        self.path = path
    }

    deinit {
        if FileIdentity(path: path) == identity { _ = unsafe unlink(path) }
    }

    /// The descriptor's number, for epoll; valid while the owner lives.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Takes the next connection, which never blocks; nil when nobody waits.
    ///
    /// - Throws: such as EMFILE, after which the listener stays readable: the caller pauses before it waits again.
    public func accept() throws(SystemCallError) -> UnixConnection? {
        let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = ctsync_accept4(descriptor.rawValue, flags)
        if number >= 0 { return UnixConnection(owning: FileDescriptor(owning: number)) }
        switch errno {
        case EAGAIN, EINTR, ECONNABORTED: return nil
        case let number: throw SystemCallError("accept4", errno: number)
        }
    }

    private static func listen(
        _ socket: borrowing FileDescriptor, at address: inout UnixSocketAddress, path: String, mode: UInt32,
        groupID: UInt32?
    ) throws(SystemCallError) -> FileIdentity {
        let number = socket.rawValue
        guard unsafe address.withPointer({ unsafe bind(number, $0, $1) }) == 0 else { throw SystemCallError("bind") }
        guard let identity = FileIdentity(path: path) else { throw SystemCallError("lstat") }
        // Before `listen`, every connect is refused: nobody slips in while owner and mode are being set.
        let failure: SystemCallError?
        if let groupID, unsafe chown(path, uid_t.max, groupID) != 0 {
            failure = SystemCallError("chown")
        } else if unsafe chmod(path, mode) != 0 {
            failure = SystemCallError("chmod")
        } else {
            failure = Glibc.listen(number, backlog) == 0 ? nil : SystemCallError("listen")
        }
        if let failure {
            _ = unsafe unlink(path)
            throw failure
        }
        return identity
    }

    private static func lock(_ path: String) throws(Failure) -> FileDescriptor {
        let number = unsafe open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw .system(SystemCallError("open")) }
        let file = FileDescriptor(owning: number)
        guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            if errno == EWOULDBLOCK { throw .inUse }
            throw .system(SystemCallError("flock"))
        }
        return file
    }

    /// Removes the socket file that a dead process left; the lock's owner calls it.
    private static func removeStale(_ path: String) throws(Failure) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw .system(SystemCallError("lstat"))
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket }
        // Whoever listens there without our lock is another program, and must not lose its socket either.
        guard var address = UnixSocketAddress(path: path) else { throw .unusablePath }
        let probe: FileDescriptor
        do { probe = try UnixSocketAddress.openSocket(blocking: false) } catch { throw .system(error) }
        let number = probe.rawValue
        let result = unsafe address.withPointer { unsafe connect(number, $0, $1) }
        guard result != 0, errno == ECONNREFUSED else { throw .inUse }
        guard unsafe unlink(path) == 0 else { throw .system(SystemCallError("unlink")) }
    }
}

/// What tells one file from another that later has the same path.
private struct FileIdentity: Equatable, Sendable {
    let device: UInt64
    let inode: UInt64

    init?(path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}
