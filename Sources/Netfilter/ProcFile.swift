internal import Glibc

/// A small file of /proc.
enum ProcFile {
    /// Bytes at most; what is asked for here is far below.
    private static let limit = 4096

    /// The beginning of a file, nil if it cannot be read.
    static func read(_ path: String) -> [UInt8]? {
        let number = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return nil }
        defer { _ = close(number) }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = unsafe Glibc.read(number, &bytes, limit)
        return count >= 0 ? Array(bytes.prefix(count)) : nil
    }
}
