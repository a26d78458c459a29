internal import ArgumentParser
internal import Conntrack
internal import LabSupport

/// `lab fidelity`: every kind of flow, through a takeover, compared between the two kernels.
struct FidelityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fidelity",
        abstract: "Make every kind of flow on the master, take over, and compare the two kernels.",
        discussion: """
            The lab's agents run, r1 is master and r2 its backup, and both routers have the ruleset that --ruleset \
            prints. Exit status 0 only if every row comes out as the table says.
            """)

    @Option(help: "The directory of the lab, as topology.sh made it.")
    var directory: String?

    @Option(help: "The agent's program.")
    var agent = "ctsync-ha"

    @Flag(help: "Print the table, as the page about fidelity has it, and do nothing.")
    var list = false

    @Flag(help: "Print the ruleset of both routers, and do nothing.")
    var ruleset = false

    func run() throws {
        if list {
            for line in Self.head { print(line) }
            for row in FidelityTable.rows { print(Self.line(row, verdict: row.verdict.words)) }
            return
        }
        if ruleset { return print(FidelityRuleset.text) }
        guard let directory else { throw ValidationError("--directory is needed") }
        let run = FidelityRun(
            namespaces: FidelityNamespaces(directory: directory), directory: directory, agent: agent)
        let result = try run.run()
        for outcome in result.outcomes {
            print("\(Self.line(outcome.row, verdict: outcome.verdict)) \(outcome.compared) |")
        }
        let different = result.outcomes.filter { !$0.isExpected }.count
        print("\(result.outcomes.count) rows, \(different) not as they should be")
        print(
            "\(result.messages) distinct messages compared with libnetfilter_conntrack, "
                + "\(result.differences.count) differences")
        for difference in result.differences.prefix(10) { print("  \(difference)") }
        flushOutput()
        if different > 0 || !result.differences.isEmpty { throw ExitCode.failure }
    }

    private static let head = [
        "| flow | protocol | family | NAT | carries | after the takeover |", "|---|---|---|---|---|---|",
    ]

    private static func line(_ row: FidelityRow, verdict: String) -> String {
        let number = "\(row.protocol.name)"
        let family = row.family == .ipv4 ? "IPv4" : "IPv6"
        let carries = row.carries.isEmpty ? "" : " \(row.carries)"
        return "| \(row.name) | \(number) | \(family) | \(row.translation) |\(carries) | \(verdict) |"
    }
}
