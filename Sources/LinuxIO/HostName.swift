internal import Glibc

/// This machine's name.
public enum HostName {
    /// The name as the kernel has it (gethostname(2)); empty if it has none.
    public static func read() -> String {
        // HOST_NAME_MAX is 64 on Linux.
        var name = [CChar](repeating: 0, count: 65)
        let result = unsafe name.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return Int32(-1) }
            return unsafe gethostname(start, buffer.count - 1)
        }
        guard result == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
