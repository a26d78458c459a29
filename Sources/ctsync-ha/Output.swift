internal import ControlProtocol
internal import FoundationEssentials
internal import LinuxIO

/// How a command speaks: what was asked for on stdout, everything else on stderr.
enum Output {
    /// Prints a text on stdout.
    static func print(_ text: String) {
        var stream = StandardStream.output()
        stream.write(text.hasSuffix("\n") ? text : text + "\n")
        stream.flush()
    }

    /// Prints a message on stderr.
    static func complain(_ text: String) {
        var stream = StandardStream.errors()
        stream.write("ctsync-ha: \(text)\n")
        stream.flush()
    }

    /// Tells on a terminal how a long request proceeds; nothing in scripts and logs.
    static func progress(_ text: String) {
        if StandardStream.errors().isTerminal { complain(text) }
    }

    /// Colours, if stdout is a terminal that can and nobody asked for none (no-color.org).
    static var palette: Palette {
        let environment = ProcessInfo.processInfo.environment
        let wanted = (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
        return wanted && StandardStream.output().isTerminal ? .terminal : .plain
    }

    /// A report as JSON with sorted keys; over several rows unless `compact`.
    static func json(_ value: some Encodable, compact: Bool = false) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !compact { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
