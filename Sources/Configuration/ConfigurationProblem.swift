/// Something in a configuration that the operator must know, with its place and the way out.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
    /// How much it matters.
    public enum Severity: String, Sendable {
        /// The agent does not start with this.
        case error
        /// The agent starts; what was asked for has no effect or a doubtful one.
        case warning
    }

    public var severity: Severity
    public var position: FilePosition
    /// What is wrong.
    public var what: String
    /// What to do about it.
    public var remedy: String

    /// Makes a problem.
    public init(_ severity: Severity, _ position: FilePosition, _ what: String, remedy: String) {
        self.severity = severity
        self.position = position
        self.what = what
        self.remedy = remedy
    }

    /// One line: place, severity, what is wrong and what to do.
    public var description: String { "\(position): \(severity.rawValue): \(what); \(remedy)" }
}
