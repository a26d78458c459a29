internal import Bytes
internal import Glibc

/// A small file that only its owner may read, such as a key.
public enum SecretFile {
    /// Why a secret could not be read.
    public enum ReadFailure: Error, Equatable, Sendable {
        /// There is no such file.
        case missing
        /// It is a folder, a socket or the like.
        case notAFile
        /// Others than its owner may read or change it; the mode's bits.
        case open(mode: UInt32)
        /// It belongs to another user than root and the one that reads it.
        case foreign(owner: UInt32)
        /// The file is larger than the caller's limit.
        case tooLarge
        case system(SystemCallError)
    }

    /// Why a secret could not be written.
    public enum CreateFailure: Error, Equatable, Sendable {
        /// Something has this name already; it is left alone.
        case exists
        case system(SystemCallError)
    }

    /// Reads a secret; the caller wipes the bytes.
    ///
    /// The service manager gives a credential to a service's user by an access list, whose mask shows as the group's
    /// right to read (systemd.exec(5), acl(5)): `isCredential` allows that right.
    public static func read(_ path: String, limit: Int, isCredential: Bool = false) throws(ReadFailure) -> [UInt8] {
        // Opened without waiting: a pipe of that name must not hold the agent up.
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else {
            if errno == ENOENT { throw .missing }
            throw .system(SystemCallError("open"))
        }
        let file = FileDescriptor(owning: number)
        var facts = stat()
        guard unsafe fstat(file.rawValue, &facts) == 0 else { throw .system(SystemCallError("fstat")) }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        let allowed: mode_t = isCredential ? 0o740 : 0o700
        guard facts.st_mode & 0o777 & ~allowed == 0 else { throw .open(mode: UInt32(facts.st_mode & 0o777)) }
        guard facts.st_uid == 0 || facts.st_uid == geteuid() else { throw .foreign(owner: facts.st_uid) }
        guard facts.st_size <= limit else { throw .tooLarge }
        var content = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count <= limit {
            let start = count
            let result = unsafe content.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(file.rawValue, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start)
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else {
                let error = SystemCallError("read")
                content.wipe()
                throw .system(error)
            }
            if result == 0 { break }
            count += result
        }
        guard count <= limit else {
            content.wipe()
            throw .tooLarge
        }
        let exact = Array(content[..<count])
        content.wipe()
        return exact
    }

    /// Writes a new file that only its owner may read, and takes it to the disk.
    public static func create(_ path: String, with content: [UInt8]) throws(CreateFailure) {
        let number = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard number >= 0 else {
            if errno == EEXIST { throw .exists }
            throw .system(SystemCallError("open"))
        }
        let file = FileDescriptor(owning: number)
        if let error = write(content, to: file) {
            unsafe _ = unlink(path)
            throw .system(error)
        }
    }

    private static func write(_ content: [UInt8], to file: borrowing FileDescriptor) -> SystemCallError? {
        var offset = 0
        while offset < content.count {
            let start = offset
            let number = file.rawValue
            let count = unsafe content.withUnsafeBytes { bytes in
                unsafe Glibc.write(number, bytes.baseAddress.map { unsafe $0 + start }, bytes.count - start)
            }
            if count >= 0 { offset += count } else if errno != EINTR { return SystemCallError("write") }
        }
        return fsync(file.rawValue) == 0 ? nil : SystemCallError("fsync")
    }
}
