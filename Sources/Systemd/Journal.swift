internal import CSystemd
internal import Glibc
internal import LinuxIO

/// Where the agent says what happened: systemd's journal with fields, or lines on standard error.
///
/// For the control thread: an entry costs a system call and may wait for its reader.
public struct Journal: Sendable {
    /// How much an entry matters; raw values are those of syslog(3).
    public enum Level: Int32, Sendable, Comparable, CaseIterable {
        /// Flows are being lost, or would be at a failover.
        case critical = 2
        /// The agent could not do what it was asked.
        case error = 3
        /// Something an operator should look at; flows are not touched yet.
        case warning = 4
        /// A change of state: role, peer, link.
        case notice = 5
        /// What was done.
        case info = 6
        /// For whoever looks for a fault.
        case debug = 7

        /// Orders levels by how much they matter: `critical` is the greatest.
        public static func < (left: Level, right: Level) -> Bool { left.rawValue > right.rawValue }
    }

    /// A field beside the message: `GROUP` becomes `CTSYNC_GROUP` in the journal and `group=` on a line.
    public struct Field: Sendable, Equatable {
        /// Upper-case letters, digits and underscores.
        public let name: StaticString
        /// Any text.
        public let value: String

        /// Makes a field.
        public init(_ name: StaticString, _ value: String) {
            self.name = name
            self.value = value
        }

        /// Whether both have the same name and value.
        public static func == (left: Field, right: Field) -> Bool {
            left.name.description == right.name.description && left.value == right.value
        }
    }

    /// Entries that matter less are not written.
    public var threshold: Level

    private let destination: Int32
    private let isNative: Bool

    /// Makes a journal that writes where standard error leads (JOURNAL_STREAM, systemd.exec(5)).
    public init(threshold: Level = .info) {
        self.init(threshold: threshold, destination: STDERR_FILENO, isNative: Self.isJournal(STDERR_FILENO))
    }

    init(threshold: Level, destination: Int32, isNative: Bool) {
        self.threshold = threshold
        self.destination = destination
        self.isNative = isNative
    }

    /// Writes an entry, if it matters enough; its text is made only then.
    public func write(_ level: Level, _ message: @autoclosure () -> String, _ fields: Field...) {
        guard level >= threshold else { return }
        if isNative {
            Self.send(Self.entry(level, message(), fields))
        } else {
            Self.print(Self.line(level, message(), fields, at: WallClock.seconds()), to: destination)
        }
    }

    /// The fields of an entry as the journal takes them.
    static func entry(_ level: Level, _ message: String, _ fields: [Field]) -> [String] {
        ["MESSAGE=\(message)", "PRIORITY=\(level.rawValue)", "SYSLOG_IDENTIFIER=ctsync-ha"]
            + fields.map { "CTSYNC_\($0.name)=\($0.value)" }
    }

    /// The line of an entry; control characters become spaces, so that nobody's text can look like another entry.
    static func line(_ level: Level, _ message: String, _ fields: [Field], at seconds: UInt64) -> String {
        var line = "\(WallClock.text(of: seconds)) \(level): \(Supervisor.singleLine(message))"
        for field in fields {
            let value = Supervisor.singleLine(field.value)
            line += " \(field.name.description.lowercased())=" + (value.contains(" ") ? "\"\(value)\"" : value)
        }
        return line + "\n"
    }

    /// Whether a descriptor leads to the journal, by device and inode as the service manager noted them.
    static func isJournal(_ number: Int32) -> Bool {
        guard let noted = unsafe getenv("JOURNAL_STREAM") else { return false }
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else { return false }
        return unsafe String(cString: noted) == "\(status.st_dev):\(status.st_ino)"
    }

    private static func send(_ entry: [String]) {
        let texts = entry.map { Array($0.utf8) }
        let size = texts.reduce(0) { $0 + $1.count }
        unsafe withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) { memory in
            var vectors = unsafe [iovec]()
            var offset = 0
            for text in texts {
                unsafe memory[offset..<offset + text.count].copyBytes(from: text)
                unsafe vectors.append(
                    iovec(iov_base: memory.baseAddress.map { unsafe $0 + offset }, iov_len: text.count))
                offset += text.count
            }
            _ = unsafe sd_journal_sendv(vectors, Int32(vectors.count))
        }
    }

    private static func print(_ line: String, to destination: Int32) {
        let bytes = Array(line.utf8)
        // One write, so that lines of two processes do not mix; nobody can be told that it failed.
        _ = unsafe Glibc.write(destination, bytes, bytes.count)
    }
}
