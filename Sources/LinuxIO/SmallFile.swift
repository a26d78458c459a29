internal import Glibc

/// A small file that is read whole and replaced whole: state, keys, scores, /proc.
public enum SmallFile {
    /// Why a file could not be read.
    public enum ReadFailure: Error, Equatable, Sendable {
        /// There is no such file.
        case missing
        /// The file is larger than the caller's limit.
        case tooLarge
        case system(SystemCallError)
    }

    /// Why a file could not be replaced; the old content stands, unless only the last fsync failed.
    public enum ReplaceFailure: Error, Equatable, Sendable {
        case system(SystemCallError)
    }

    /// Reads a file of at most `limit` bytes.
    public static func read(_ path: String, limit: Int = 65_536) throws(ReadFailure) -> [UInt8] {
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else {
            if errno == ENOENT { throw .missing }
            throw .system(SystemCallError("open"))
        }
        let file = FileDescriptor(owning: number)
        var content: [UInt8] = []
        // Files in /proc have no size, so what is there is found by reading on until nothing comes.
        while true {
            let wanted = min(limit + 1 - content.count, 16_384)
            var failure: Int32 = 0
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                let result = unsafe Glibc.read(file.rawValue, buffer.baseAddress, wanted)
                failure = result < 0 ? errno : 0
                count = max(result, 0)
            }
            if failure == EINTR { continue }
            if failure != 0 { throw .system(SystemCallError("read", errno: failure)) }
            if piece.isEmpty { return content }
            content += piece
            if content.count > limit { throw .tooLarge }
        }
    }

    /// Reads a text file without its last line break; bytes that are not UTF-8 become replacement characters.
    public static func readText(_ path: String, limit: Int = 65_536) throws(ReadFailure) -> String {
        var content = try read(path, limit: limit)
        if content.last == UInt8(ascii: "\n") { content.removeLast() }
        return String(decoding: content, as: UTF8.self)
    }

    /// Replaces a file so that a reader, or the next start after a power cut, finds the old or the new content.
    ///
    /// The new content goes to `PATH.new`, to the disk, then over the old one; the directory follows to the disk.
    public static func replace(_ path: String, with content: [UInt8], mode: UInt32 = 0o600) throws(ReplaceFailure) {
        let temporary = path + ".new"
        unsafe _ = unlink(temporary)
        let number = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard number >= 0 else { throw .system(SystemCallError("open")) }
        let file = FileDescriptor(owning: number)
        if let error = write(content, to: file, mode: mode) {
            unsafe _ = unlink(temporary)
            throw .system(error)
        }
        guard unsafe rename(temporary, path) == 0 else {
            let error = SystemCallError("rename")
            unsafe _ = unlink(temporary)
            throw .system(error)
        }
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let folderNumber = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folderNumber >= 0 else { throw .system(SystemCallError("open")) }
        let folder = FileDescriptor(owning: folderNumber)
        guard fsync(folder.rawValue) == 0 else { throw .system(SystemCallError("fsync")) }
    }

    /// Replaces a file by a text.
    public static func replace(_ path: String, with text: String, mode: UInt32 = 0o600) throws(ReplaceFailure) {
        try replace(path, with: Array(text.utf8), mode: mode)
    }

    private static func write(
        _ content: [UInt8], to file: borrowing FileDescriptor, mode: UInt32
    ) -> SystemCallError? {
        // The umask took bits from the mode that open(2) was given.
        guard fchmod(file.rawValue, mode) == 0 else { return SystemCallError("fchmod") }
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
