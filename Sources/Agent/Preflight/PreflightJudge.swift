internal import Configuration
internal import Conntrack
internal import ControlProtocol
internal import StateMachine

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
    /// Flows that a commit writes in a second: 90,000 to 250,000 were measured on two cores, the fewer the faster.
    static let commitRate: UInt64 = 150_000
    /// Seconds that a hold lasts unless its node is configured otherwise, which is not told.
    static let holdLimit = AgentConfiguration.usualHoldLimit.milliseconds / 1_000

    let situation: PreflightSituation

    /// The report; of several tables that the flows may come to, the one with the least room.
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
            failover: failover, table: expectedTables.max { $0.share < $1.share }, findings: sorted, passed: passed,
            unknown: unknown)
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
        case .commit: judgeCommit()
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

    /// What several nodes come to together: a reason that several give is told once, and what is unknown of one is
    /// unknown.
    static func sum(_ answers: [Answer]) -> Answer {
        var findings: [PreflightReport.Finding] = []
        for case .found(let more) in answers { findings += more.filter { !findings.contains($0) } }
        if !findings.isEmpty { return .found(findings) }
        if answers.isEmpty || answers.contains(.unknown) { return .unknown }
        return answers.contains(.passed) ? .passed : .idle
    }

    /// The master and whoever may be next.
    private var failover: PreflightReport.Failover? {
        let failovers = situation.failovers
        guard let first = failovers.first else { return nil }
        return .init(
            from: first.from.name, to: failovers.map(\.to.name).joined(separator: ", "), flows: situation.flows)
    }

    /// The tables of those who may be next after the failover, where they are known.
    ///
    /// Of what is there already only a hot standby says that it is the same flows; the rest may be stale copies of
    /// them, so this is the most that there can be.
    var expectedTables: [PreflightReport.Table] {
        situation.failovers.compactMap { failover in
            guard let facts = failover.to.facts, let entries = facts.entries else { return nil }
            let others = UInt64(entries) - min(UInt64(facts.copies ?? 0), UInt64(entries))
            return PreflightReport.Table(
                node: failover.to.name, entries: UInt64(entries), expected: others + situation.flows,
                limit: facts.limit.map { UInt64($0) }, buckets: facts.buckets.map { UInt64($0) })
        }
    }
}

extension PreflightReport.Table {
    /// How full it would be; one without a known limit comes behind those that have one.
    fileprivate var share: Double { limit.map { $0 == 0 ? 0 : Double(expected) / Double($0) } ?? -1 }
}
