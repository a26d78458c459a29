internal import Glibc

/// Text for one of the descriptors that a command is born with, gathered so that a long listing makes few calls.
public struct StandardStream: Sendable {
    /// Bytes that are gathered before they are written.
    private static let chunk = 64 << 10

    private let descriptor: Int32
    private var pending: [UInt8] = []

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// What a command was asked for.
    public static func output() -> StandardStream { StandardStream(STDOUT_FILENO) }

    /// What went wrong.
    public static func errors() -> StandardStream { StandardStream(STDERR_FILENO) }

    /// Whether a person looks at it (isatty(3)).
    public var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Gathers text; `flush` writes the last of it.
    public mutating func write(_ text: String) {
        pending += text.utf8
        if pending.count >= Self.chunk { flush() }
    }

    /// Writes what was gathered; what nobody takes is given up.
    public mutating func flush() {
        var start = 0
        while start < pending.count {
            let count = unsafe pending.withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress.map { unsafe $0 + start }, bytes.count - start)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            start += count
        }
        pending.removeAll(keepingCapacity: true)
    }
}
