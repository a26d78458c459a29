internal import Conntrack
internal import Glibc
internal import LabSupport

/// One takeover with every row of the table in the first router's kernel.
struct FidelityRun {
    let namespaces: FidelityNamespaces
    let directory: String
    let agent: String

    /// How long the new master has for its background work: timeouts and strict windows.
    private static let patience = 15.0
    /// How long the pair has to replicate the flows.
    private static let replicationLimit = 20.0

    /// What came of a row.
    struct Outcome {
        var row: FidelityRow
        var compared: String
        var verdict: String
        /// Whether it is what the table says.
        var isExpected: Bool
    }

    /// What came of all.
    struct Result {
        var outcomes: [Outcome]
        /// The distinct messages of both kernels that were read twice, and what the library read differently.
        var messages: Int
        var differences: [String]
    }

    /// Makes the flows, takes over, compares.
    func run() throws -> Result {
        let rows = FidelityTable.rows
        let (first, second) = (try KernelWatch(namespaces.first), try KernelWatch(namespaces.second))
        let making = try FlowMaking(in: namespaces, watching: first)
        try making.make(rows)
        try waitUntilReplicated()
        let before = try first.snapshot()
        try Command.run(agent, "role", "backup", "--socket", "\(directory)/r1/control.sock")
        try Command.run(agent, "role", "master", "--socket", "\(directory)/r2/control.sock")
        let timeouts = try KernelTimeouts(of: namespaces.second)
        let deadline = KernelSnapshot.seconds() + Self.patience
        while true {
            let after = try second.snapshot()
            let outcomes = rows.map { outcome(of: $0, before, after, timeouts) }
            if outcomes.allSatisfy(\.isExpected) || KernelSnapshot.seconds() > deadline {
                // Real connections and raw sockets stay open until here.
                withExtendedLifetime(making) {}
                let compared = try [first.compared(), second.compared()]
                return Result(
                    outcomes: outcomes, messages: compared.map(\.distinct).reduce(0, +),
                    differences: compared.flatMap(\.differences))
            }
            usleep(500_000)
        }
    }

    /// Both agents say that they hold the same; a second more for what is on its way.
    private func waitUntilReplicated() throws {
        let deadline = KernelSnapshot.seconds() + Self.replicationLimit
        sleep(1)
        while KernelSnapshot.seconds() < deadline {
            let status = try ["r1", "r2"].map {
                try Command.run(agent, "status", "--json", "--socket", "\(directory)/\($0)/control.sock")
            }
            // The report may be printed with or without blanks.
            let isSynced = status.map { $0.replacing(" ", with: "") }.allSatisfy {
                $0.contains("\"in_sync\":true") && !$0.contains("\"in_sync\":false")
            }
            if isSynced { return }
            usleep(200_000)
        }
        printProgress("the agents are not in sync")
    }

    private func outcome(
        of row: FidelityRow, _ before: KernelSnapshot, _ after: KernelSnapshot, _ timeouts: KernelTimeouts
    ) -> Outcome {
        if case .skipped = row.verdict {
            return Outcome(row: row, compared: "", verdict: row.verdict.words, isExpected: true)
        }
        guard let client = row.original?.source else {
            return Outcome(row: row, compared: "", verdict: "no such address", isExpected: false)
        }
        let mine = before.entries.filter { $0.belongs(to: client) }
        let flows = mine.filter { $0.kind == .flow }.count
        guard (flows, mine.count - flows) == row.entries else {
            let found = mine.map { "\($0.kind) \($0.original.words)" }.joined(separator: "; ")
            return Outcome(
                row: row, compared: "", verdict: "not made: \(found.isEmpty ? "nothing" : found)", isExpected: false)
        }
        let theirs = after.entries.filter { $0.belongs(to: client) }
        let comparison = EntryComparison(
            mine, theirs, isLiberal: row.verdict == .liberal, elapsed: after.taken - before.taken, full: timeouts.full)
        let isEqual = comparison.differences.isEmpty
        return Outcome(
            row: row, compared: comparison.comparedWords,
            verdict: isEqual ? row.verdict.words : comparison.differences.joined(separator: "; "),
            isExpected: isEqual)
    }
}
