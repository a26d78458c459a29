internal import CLinux
internal import Glibc

/// Words of chance from the kernel (getrandom(2)), for keys and jitter; machines take them as arguments.
public enum KernelRandom {
    /// A word of chance.
    public static func word() -> UInt64 {
        var word: UInt64 = 0
        while true {
            let count = unsafe withUnsafeMutableBytes(of: &word) { unsafe getrandom($0.baseAddress, $0.count, 0) }
            if count == MemoryLayout<UInt64>.size { return word }
            // Requests of up to 256 bytes are never cut short, and fail only by a signal before the pool is seeded.
            precondition(count < 0 && errno == EINTR, "getrandom: \(SystemCallError.text(of: errno))")
        }
    }

    /// Several words of chance.
    public static func words(_ count: Int) -> [UInt64] { (0..<count).map { _ in word() } }
}
