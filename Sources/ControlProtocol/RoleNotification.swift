/// What keepalived tells a notify script: the four words that it appends, and when they were read.
public struct RoleNotification: Hashable, Sendable {
    /// What changed.
    public enum Subject: String, Hashable, Sendable, CaseIterable {
        case group = "GROUP"
        case instance = "INSTANCE"
    }

    /// What it changed to.
    public enum State: String, Hashable, Sendable, CaseIterable {
        case master = "MASTER"
        case backup = "BACKUP"
        case fault = "FAULT"
        /// keepalived ends on purpose.
        case stop = "STOP"
        /// An instance went away with a reload.
        case deleted = "DELETED"
    }

    public var subject: Subject
    public var name: String
    public var state: State
    /// keepalived's priority; 0 with groups.
    public var priority: UInt8?
    /// CLOCK_MONOTONIC of the command, in nanoseconds, since scripts arrive inverted; 0 is unknown.
    public var sentAt: UInt64

    /// Makes a notification.
    public init(_ subject: Subject, name: String, _ state: State, priority: UInt8? = nil, sentAt: UInt64 = 0) {
        self.subject = subject
        self.name = name
        self.state = state
        self.priority = priority
        self.sentAt = sentAt
    }

    /// Why the words of a command line are no notification.
    public struct Refusal: Error, Hashable, Sendable {
        /// What is wrong and what to do, for stderr.
        public var reason: String

        /// Makes a refusal.
        public init(reason: String) { self.reason = reason }
    }

    /// Reads keepalived's words: TYPE NAME STATE [PRIORITY], exactly as keepalived.conf(5) orders them.
    public init(arguments: [String], sentAt: UInt64 = 0) throws(Refusal) {
        guard (3...4).contains(arguments.count) else {
            throw Refusal(reason: "expected TYPE NAME STATE [PRIORITY], got \(arguments.count) words")
        }
        guard let subject = Subject(rawValue: arguments[0]) else {
            throw Refusal(reason: "unknown type `\(printable(arguments[0]))`: expected GROUP or INSTANCE")
        }
        guard !arguments[1].isEmpty, arguments[1].utf8.count <= 255 else {
            throw Refusal(reason: "the name of the group or instance is empty or longer than 255 bytes")
        }
        guard let state = State(rawValue: arguments[2]) else {
            throw Refusal(
                reason: "unknown state `\(printable(arguments[2]))`: expected MASTER, BACKUP, FAULT, STOP or DELETED")
        }
        var priority: UInt8?
        if arguments.count == 4 {
            priority = UInt8(arguments[3])
            if priority == nil {
                throw Refusal(reason: "unknown priority `\(printable(arguments[3]))`: expected 0 to 255")
            }
        }
        self.init(subject, name: arguments[1], state, priority: priority, sentAt: sentAt)
    }
}

extension RoleNotification: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(choice: subject)
        body.put(name)
        body.put(choice: state)
        body.put(priority)
        body.put(sentAt)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        subject = try body.choice()
        name = try body.text()
        state = try body.choice()
        priority = try body.optionalNumber()
        sentAt = try body.number()
    }
}
