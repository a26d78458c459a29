internal import Conntrack

/// What came of reading a configuration: the model, if there is no error, and everything to tell the operator.
public struct ConfigurationReading: Sendable, Equatable {
    /// The configuration; nil if there is an error among the problems.
    public var configuration: AgentConfiguration?
    /// Errors and warnings, the main file's first, each file's in its order.
    public var problems: [ConfigurationProblem]

    /// The problems that keep the agent from starting.
    public var errors: [ConfigurationProblem] { problems.filter { $0.severity == .error } }
    /// The problems with which it starts.
    public var warnings: [ConfigurationProblem] { problems.filter { $0.severity == .warning } }
}

extension AgentConfiguration {
    /// The files beside the main one that are read after it.
    public static let dropIns = "conf.d/*.conf"

    /// Reads a file, what it includes, and the drop-ins beside it.
    ///
    /// - Parameters:
    ///   - hostName: this machine's name, the default of `node-name`.
    ///   - protocols: names of /etc/protocols beside those that `Conntrack` knows.
    public static func read(
        path: String, hostName: String, protocols: ProtocolNames = ProtocolNames(), loader: any ConfigurationLoader
    ) -> ConfigurationReading {
        let start = FilePosition(path, 1, 1)
        var resolver = IncludeResolver(loader: loader)
        var statements = resolver.statements(matching: path, origin: start, includer: nil)
        if statements.isEmpty, !resolver.problems.isEmpty {
            return ConfigurationReading(configuration: nil, problems: resolver.problems)
        }
        statements += resolver.statements(matching: dropIns, origin: start, includer: path)
        var reader = ConfigurationReader(path: path, hostName: hostName, protocols: protocols)
        reader.readRoot(statements)
        let configuration = reader.finish()
        var problems = resolver.problems + reader.problems
        problems.sort { left, right in
            let leftFile = (left.position.file == path ? 0 : 1, left.position.file)
            let rightFile = (right.position.file == path ? 0 : 1, right.position.file)
            return leftFile == rightFile
                ? (left.position.line, left.position.column) < (right.position.line, right.position.column)
                : leftFile < rightFile
        }
        let usable = !problems.contains { $0.severity == .error }
        return ConfigurationReading(
            configuration: usable ? configuration : nil,
            problems: Array(problems.prefix(ConfigurationLimit.problems)))
    }
}

/// Protocol names of /etc/protocols (protocols(5)).
public struct ProtocolNames: Sendable, Equatable {
    private var numbers: [String: UInt8] = [:]

    /// Knows nothing.
    public init() {}

    /// Reads a file's text; a line that is none of `NAME NUMBER ALIAS…` is skipped.
    public init(protocolsFile text: String) {
        for line in text.split(separator: "\n") {
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, let number = UInt8(words[1]) else { continue }
            for name in [words[0]] + words.dropFirst(2) { numbers[name.lowercased()] = number }
        }
    }

    /// The protocol of a name; nil if the file has none such.
    func number(of name: String) -> ProtocolNumber? {
        numbers[name.lowercased()].map(ProtocolNumber.init(rawValue:))
    }
}
