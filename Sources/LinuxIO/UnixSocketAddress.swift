internal import CLinux
// Of C modules that bring the same header, a release build shows its names to those who import the first one only.
internal import Glibc

/// A path as the address of a unix socket (unix(7)).
struct UnixSocketAddress {
    /// Bytes of a path at most: the address holds 108, and the last is zero.
    static let pathLimit = 107

    private var storage = sockaddr_un()

    /// Makes an address; nil if the path is empty, too long or holds a zero.
    init?(path: String) {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.pathLimit, !bytes.contains(0) else { return nil }
        storage.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &storage.sun_path) { unsafe $0.copyBytes(from: bytes) }
    }

    /// Lends the address to a system call.
    mutating func withPointer(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// Opens a stream socket for unix addresses, closed by `exec`.
    static func openSocket(blocking: Bool) throws(SystemCallError) -> FileDescriptor {
        let flags = blocking ? SOCK_CLOEXEC.rawValue : SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | flags), 0)
        guard number >= 0 else { throw SystemCallError("socket") }
        return FileDescriptor(owning: number)
    }
}
