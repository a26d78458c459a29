internal import ControlProtocol
internal import FoundationEssentials
internal import Glibc

/// Text for one of the standard descriptors, gathered so that a long listing makes few system calls.
struct Output {
    /// Bytes that are gathered before they are written.
    private static let chunk = 64 << 10

    private let descriptor: Int32
    private var pending: [UInt8] = []

    /// Text for stdout; `flush` at the end.
    static func standard() -> Output { Output(descriptor: STDOUT_FILENO) }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// Gathers text.
    mutating func write(_ text: String) {
        pending += text.utf8
        if pending.count >= Self.chunk { flush() }
    }

    /// Writes what was gathered; what cannot be written is given up.
    mutating func flush() {
        var start = 0
        while start < pending.count {
            let count = unsafe pending.withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            start += count
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// Prints a text on stdout.
    static func print(_ text: String) {
        var output = standard()
        output.write(text.hasSuffix("\n") ? text : text + "\n")
        output.flush()
    }

    /// Prints a message on stderr.
    static func complain(_ text: String) {
        var output = Output(descriptor: STDERR_FILENO)
        output.write("ctsync-ha: \(text)\n")
        output.flush()
    }

    /// Tells on a terminal how a long request proceeds; nothing in scripts and logs.
    static func progress(_ text: String) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        complain(text)
    }

    /// Colours, if stdout is a terminal that can and nobody asked for none (no-color.org).
    static var palette: Palette {
        let environment = ProcessInfo.processInfo.environment
        let wanted = (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
        return wanted && isatty(STDOUT_FILENO) == 1 ? .terminal : .plain
    }

    /// A report as JSON with sorted keys; over several rows unless `compact`.
    static func json(_ value: some Encodable, compact: Bool = false) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !compact { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
