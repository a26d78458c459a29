internal import Conntrack
internal import ControlProtocol

/// Judges whether a failover would be safe: every check of `PreflightReport.Check`, each on its own.
///
/// What is certain to cost connections is unsafe, what may cost some is doubtful. A check that needs what nobody has
/// told is unknown, and unknown alone harms no verdict: where the silence is a reason, `peer` or `facts` say so.
struct PreflightJudge {
    /// What a check comes to.
    enum Answer: Equatable {
        case passed
        /// What it needs is not known.
        case unknown
        /// It does not arise.
        case idle
        case found([PreflightReport.Finding])
    }

    /// Changes that the next master may be behind: what a busy pair has under way in some milliseconds.
    static let tolerableLag: UInt64 = 1_000
    /// … and from which on it holds another table.
    static let ruinousLag: UInt64 = 100_000
    /// Datagrams in a thousand that a link may lose: repair copes with far more, but a cable does not lose any.
    static let tolerableLoss: UInt32 = 10
    /// Facts older than this are of a control thread that hangs: they come every five seconds.
    static let factsAge: UInt64 = 30
    /// Percent of its limit from which on a table is nearly full; at 95 the kernel begins to drop unassured flows.
    static let fullTable: UInt64 = 90
    /// The kernel refuses a flow whose chain is longer than 50, for some draws 80 (MIN_CHAINLEN, nf_conntrack_core.c).
    static let longestChain: Double = 50
    /// A mean from which on single chains reach that length.
    static let longChain: Double = 24

    let situation: PreflightSituation

    /// The report.
    func report() -> PreflightReport {
        var findings: [PreflightReport.Finding] = []
        var passed: [PreflightReport.Check] = []
        var unknown: [PreflightReport.Check] = []
        for check in PreflightReport.Check.allCases {
            switch answer(to: check) {
            case .passed: passed.append(check)
            case .unknown: unknown.append(check)
            case .idle: break
            case .found(let found): findings += found
            }
        }
        let verdict = findings.map(\.severity).max() ?? .safe
        let sorted = PreflightReport.Verdict.allCases.reversed().flatMap { severity in
            findings.filter { $0.severity == severity }
        }
        return PreflightReport(
            node: situation.here.name, verdict: verdict,
            failover: situation.failover.map { .init(from: $0.from.name, to: $0.to.name, flows: situation.flows) },
            table: expectedTable, findings: sorted, passed: passed, unknown: unknown)
    }

    /// What one check comes to.
    func answer(to check: PreflightReport.Check) -> Answer {
        switch check {
        case .link: judgeLink()
        case .peer: judgePeer()
        case .versions: judgeVersions()
        case .roles: judgeRoles()
        case .sync: judgeSync()
        case .lag: judgeLag()
        case .digest: judgeDigest()
        case .loss: judgeLoss()
        case .facts: judgeFacts()
        case .tracking: judgeTracking()
        case .table: judgeTable()
        case .chains: judgeChains()
        case .helpers: judgeHelpers()
        case .zones: judgeZones()
        case .labels: judgeLabels()
        case .events: judgeEvents()
        case .sysctls: judgeSysctls()
        case .timeouts: judgeTimeouts()
        case .flows: judgeFlows()
        }
    }

    /// Passed, if nothing was found.
    static func sum(_ findings: [PreflightReport.Finding]) -> Answer { findings.isEmpty ? .passed : .found(findings) }

    /// One reason, with the node where its command belongs.
    static func found(
        _ check: PreflightReport.Check, _ severity: PreflightReport.Verdict, _ what: String, on node: String,
        _ command: String
    ) -> Answer {
        .found([.init(check, severity, what, on: node, command)])
    }

    /// The next master's table after the failover, if it is known.
    ///
    /// Entries that are there already may be stale copies of the same flows, so this is the most that there can be.
    var expectedTable: PreflightReport.Table? {
        guard let next = situation.failover?.to, let facts = next.facts, let entries = facts.entries else { return nil }
        return PreflightReport.Table(
            node: next.name, entries: UInt64(entries), expected: UInt64(entries) + situation.flows,
            limit: facts.limit.map { UInt64($0) }, buckets: facts.buckets.map { UInt64($0) })
    }
}
