internal import Agent
internal import ArgumentParser
internal import Configuration

/// The subcommand `ctsync-ha check`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a configuration: 0 if the agent would start with it, else 1.")

    @Option(help: ArgumentHelp("The configuration.", valueName: "file"))
    var config = AgentConfiguration.defaultPath

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let reading = AgentConfiguration.read(path: config)
        var problems = reading.problems + (reading.configuration.map(KeyFile.problems) ?? [])
        if let configuration = reading.configuration, case .vrrp = configuration.manager {
            let keepalived = KeepalivedFile.read(path: configuration.keepalived.path, loader: ConfigurationFiles())
            problems += keepalived.problems
            // A file that could not be read says nothing about its groups.
            if keepalived.problems.isEmpty || !keepalived.syncGroups.isEmpty {
                problems += keepalived.mismatches(with: configuration, at: FilePosition(config, 1, 1))
            }
        }
        let outcome: Outcome = problems.contains { $0.severity == .error } ? .failed : .done
        if json {
            Output.print(try Output.json(CheckReport(configuration: config, problems: problems)))
        } else {
            let errors = problems.count { $0.severity == .error }
            let warnings = problems.count - errors
            let verdict = errors > 0 ? "not valid: \(count(errors, "error"))" : "valid"
            let lines = ["\(config): \(verdict)\(warnings > 0 ? ", \(count(warnings, "warning"))" : "")"]
            let text = (lines + problems.map(\.description)).joined(separator: "\n")
            if outcome == .done { Output.print(text) } else { Output.complain(text) }
        }
        try outcome.end()
    }

    private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}

/// What `check --json` prints; stable keys.
private struct CheckReport: Encodable {
    struct Problem: Encodable {
        let severity: String
        let file: String
        let line: Int
        let column: Int
        let what: String
        let remedy: String
    }

    let schema = 1
    let configuration: String
    let valid: Bool
    let problems: [Problem]

    init(configuration: String, problems: [ConfigurationProblem]) {
        self.configuration = configuration
        valid = !problems.contains { $0.severity == .error }
        self.problems = problems.map {
            Problem(
                severity: $0.severity.rawValue, file: $0.position.file, line: $0.position.line,
                column: $0.position.column, what: $0.what, remedy: $0.remedy)
        }
    }
}
