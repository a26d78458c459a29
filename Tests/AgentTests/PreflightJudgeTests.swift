import Conntrack
import ControlProtocol
import Testing

@testable import Agent

/// The judge of `preflight`, row by row: one thing that is not as in a pair that is well.
@Suite struct PreflightJudgeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let what: String
        let check: PreflightReport.Check
        let severity: PreflightReport.Verdict
        /// Parts of the reason, and of the command with its node before it.
        let reason: String
        let command: String
        let change: @Sendable (inout PreflightSituation) -> Void

        var testDescription: String { what }

        init(
            _ what: String, _ check: PreflightReport.Check, _ severity: PreflightReport.Verdict, _ reason: String,
            _ command: String, _ change: @escaping @Sendable (inout PreflightSituation) -> Void
        ) {
            self.what = what
            self.check = check
            self.severity = severity
            self.reason = reason
            self.command = command
            self.change = change
        }
    }

    @Test func `a pair that is well is safe, from either node`() {
        for situation in [Pair.fromMaster, Pair.fromBackup] {
            let report = PreflightJudge(situation: situation).report()
            #expect(report.verdict == .safe && report.findings.isEmpty && report.unknown.isEmpty)
            #expect(report.passed == PreflightReport.Check.allCases.filter { $0 != .digest })
            #expect(report.failover == .init(from: "r1", to: "r2", flows: 100_000))
            #expect(
                report.table
                    == .init(node: "r2", entries: 20, expected: 100_020, limit: 262_144, buckets: 262_144))
        }
    }

    @Test(arguments: Rows.master)
    func `what is wrong is found on the master`(row: Row) { expect(row, in: Pair.fromMaster) }

    @Test(arguments: Rows.backup)
    func `what is wrong is found on the backup`(row: Row) { expect(row, in: Pair.fromBackup) }

    private func expect(_ row: Row, in pair: PreflightSituation) {
        var situation = pair
        row.change(&situation)
        let report = PreflightJudge(situation: situation).report()
        #expect(report.verdict == row.severity)
        guard let finding = report.findings.first(where: { $0.check == row.check && $0.severity == row.severity })
        else {
            Issue.record("nothing of \(row.check): \(report.findings)")
            return
        }
        #expect(finding.what.contains(row.reason), "\(finding.what)")
        #expect("\(finding.node): \(finding.command)".contains(row.command), "\(finding.node): \(finding.command)")
        #expect(!report.passed.contains(row.check) && !report.unknown.contains(row.check))
        #expect(report.findings.allSatisfy { !$0.command.isEmpty && !$0.command.contains("\n") })
    }

    @Test(arguments: PreflightReport.Check.allCases)
    func `every check has a row, and each can say both`(check: PreflightReport.Check) {
        #expect((Rows.master + Rows.backup).contains { $0.check == check })
    }

    @Test func `a peer that is gone leaves nothing else to be judged by what it said`() {
        var situation = Pair.fromMaster
        situation.peer?.silentFor = 9
        let report = PreflightJudge(situation: situation).report()
        #expect(report.verdict == .notSafe && report.findings.map(\.check) == [.peer])
        #expect(report.failover == nil && report.table == nil)
        #expect(report.passed == [.link, .versions, .flows])
    }

    @Test func `the worst stands first, and all of it is told`() {
        var situation = Pair.fromMaster
        situation.boundFlows = 1
        situation.peer?.node.facts?.isLoose = true
        situation.peer?.saysInSync = false
        situation.peer?.node.facts?.tracksPackets = false
        let report = PreflightJudge(situation: situation).report()
        #expect(report.findings.map(\.check) == [.sync, .tracking, .sysctls, .flows])
        #expect(report.findings.map(\.severity) == [.notSafe, .notSafe, .doubtful, .safe])
    }

    @Test func `what nobody has told is unknown and harms no verdict`() {
        var situation = Pair.fromMaster
        situation.peer?.node.facts?.setsZones = nil
        situation.peer?.node.facts?.setsLabels = nil
        situation.here.facts?.setsLabels = true
        situation.peer?.node.facts?.tracksPackets = nil
        situation.peer?.node.facts?.buckets = nil
        situation.peer?.node.facts?.timeouts = []
        situation.peer?.node.facts?.events = nil
        situation.peer?.lossPerMille = nil
        situation.peer?.node.facts?.lossPerMille = nil
        let report = PreflightJudge(situation: situation).report()
        #expect(report.verdict == .safe && report.findings.isEmpty)
        #expect(report.unknown == [.loss, .tracking, .chains, .zones, .labels, .events, .timeouts])
    }

    @Test func `more room on the next master is no difference`() {
        var situation = Pair.fromMaster
        situation.peer?.node.facts?.limit = 1_048_576
        situation.peer?.node.facts?.buckets = 1_048_576
        #expect(PreflightJudge(situation: situation).report().verdict == .safe)
    }

    @Test func `what a hot standby holds already needs no more room`() {
        var situation = Pair.fromMaster
        situation.peer?.node.facts?.entries = 140_000
        #expect(PreflightJudge(situation: situation).report().verdict == .doubtful)
        situation.peer?.node.facts?.copies = 100_000
        #expect(PreflightJudge(situation: situation).report().verdict == .safe)
    }

    @Test func `a hot standby has nothing to commit`() {
        var situation = Pair.fromBackup
        situation.externalFlows = 450_000
        #expect(!PreflightJudge(situation: situation).report().passed.contains(.commit))
        situation.here.facts?.copies = 450_000
        #expect(PreflightJudge(situation: situation).report().passed.contains(.commit))
    }

    @Test func `a helper that the kernel would load is there`() {
        var situation = Pair.fromMaster
        situation.peer?.node.facts?.helpers = []
        situation.peer?.node.facts?.loadableHelpers = Pair.helpers
        #expect(PreflightJudge(situation: situation).report().verdict == .safe)
    }

    @Test(arguments: [(0, true), (1_000, true), (1_001, false)] as [(UInt64, Bool)])
    func `what is under way is no lag`(changes: UInt64, passes: Bool) {
        for pair in [Pair.fromMaster, Pair.fromBackup] {
            var situation = pair
            situation.peer?.unacknowledged = changes
            situation.peer?.missing = changes
            #expect(PreflightJudge(situation: situation).report().passed.contains(.lag) == passes)
        }
    }
}
