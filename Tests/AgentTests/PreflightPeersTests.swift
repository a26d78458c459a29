import Conntrack
import ControlProtocol
import Testing

@testable import Agent

/// The judge of `preflight` among three nodes and over two links.
@Suite struct PreflightPeersTests {
    private typealias Finding = PreflightReport.Finding

    /// One thing that is not well with a peer.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let check: PreflightReport.Check
        let severity: PreflightReport.Verdict
        /// A part of the reason.
        let reason: String
        let change: @Sendable (inout PreflightSituation.Peer) -> Void

        init(
            _ what: String, _ check: PreflightReport.Check, _ severity: PreflightReport.Verdict, _ reason: String,
            _ change: @escaping @Sendable (inout PreflightSituation.Peer) -> Void
        ) {
            testDescription = what
            self.check = check
            self.severity = severity
            self.reason = reason
            self.change = change
        }
    }

    /// Three nodes that are well, as the master and as one backup know it.
    private var fromMaster: PreflightSituation {
        var situation = Pair.fromMaster
        var third = situation.peers[0]
        third.node.name = "r3"
        situation.peers.append(third)
        return situation
    }

    private var fromBackup: PreflightSituation {
        var situation = Pair.fromBackup
        situation.peers[0].saysInSync = true
        var third = Pair.fromMaster.peers[0]
        third.node.name = "r3"
        situation.peers.append(third)
        return situation
    }

    private func report(_ situation: PreflightSituation) -> PreflightReport {
        PreflightJudge(situation: situation).report()
    }

    @Test func `three nodes that are well are safe, and any of the others may be next`() {
        for (situation, next) in [(fromMaster, "r2, r3"), (fromBackup, "r2, r3")] {
            let report = report(situation)
            #expect(report.verdict == .safe && report.findings.isEmpty && report.unknown.isEmpty)
            #expect(report.failover == .init(from: "r1", to: next, flows: 100_000))
            #expect(report.passed == PreflightReport.Check.allCases.filter { $0 != .digest })
        }
    }

    static let third: [Row] = [
        Row("not in sync", .sync, .notSafe, "r3 does not hold all flows of r1") { $0.saysInSync = false },
        Row("in fault", .roles, .notSafe, "r3 is in fault") { $0.node.role = .fault },
        Row("a master too", .roles, .notSafe, "two masters: VRRP does not pass between") { $0.node.role = .master },
        Row("another version", .versions, .notSafe, "r3 speaks wire versions 2") { $0.versions = (2, 2) },
        Row("untracked", .tracking, .notSafe, "no ruleset enables conntrack on r3") {
            $0.node.facts?.tracksPackets = false
        },
        Row("a small table", .table, .notSafe, "r3 would hold 100020 flows of 1000") { $0.node.facts?.limit = 1_000 },
        Row("other helpers", .helpers, .doubtful, "the kernel of r3: sip") { $0.node.facts?.helpers.removeLast() },
        Row("silent facts", .facts, .doubtful, "r3 has not told") { $0.factsAge = 99 },
        Row("loss", .loss, .doubtful, "20.0 % of the datagrams to r3") { $0.node.facts?.lossPerMille = 200 },
    ]

    @Test(arguments: third)
    func `what is wrong with the third node is found from each of the others`(row: Row) {
        for var situation in [fromMaster, fromBackup] {
            row.change(&situation.peers[1])
            let report = report(situation)
            #expect(report.verdict == row.severity)
            let finding = report.findings.first { $0.check == row.check }
            #expect(finding?.what.contains(row.reason) == true, "\(report.findings)")
        }
    }

    @Test func `what both may meet is told once, and what only one meets with its name`() {
        var situation = fromMaster
        situation.here.facts?.events = .never
        situation.peers[0].unacknowledged = 5_000
        situation.peers[1].unacknowledged = 6_000
        let report = report(situation)
        #expect(report.findings.filter { $0.check == .events }.count == 1)
        #expect(
            report.findings.filter { $0.check == .lag }.map(\.what)
                == ["r2 is 5000 changes behind r1", "r3 is 6000 changes behind r1"])
    }

    @Test func `a node that is gone is doubtful while another stands by, and the rest is judged without it`() {
        for change in [{ $0.hasLeft = true }, { $0.silentFor = 7 }] as [(inout PreflightSituation.Peer) -> Void] {
            var situation = fromMaster
            change(&situation.peers[0])
            situation.peers[0].node.facts = nil
            let report = report(situation)
            #expect(report.verdict == .doubtful && report.findings.map(\.check) == [.peer])
            #expect(report.failover?.to == "r3" && report.unknown.isEmpty)
            change(&situation.peers[1])
            #expect(self.report(situation).verdict == .notSafe)
        }
    }

    @Test func `the table with the least room is shown`() {
        var situation = fromMaster
        situation.peers[1].node.facts?.limit = 150_000
        #expect(report(situation).table?.node == "r3")
        situation.peers[0].node.facts?.limit = 120_000
        #expect(report(situation).table?.node == "r2")
        situation.peers[1].node.facts?.entries = nil
        #expect(report(situation).unknown.contains(.table) && report(situation).unknown.contains(.chains))
    }

    @Test func `nobody is master among three`() {
        var situation = fromMaster
        situation.here.role = .backup
        let found = report(situation).findings
        #expect(found.map(\.what) == ["none of r1, r2, r3 is master: nobody carries the flows"])
    }

    @Test func `a configured peer that was never heard is doubtful`() {
        var situation = Pair.fromMaster
        situation.links[0].peers = 2
        let report = report(situation)
        #expect(report.verdict == .doubtful)
        #expect(report.findings.map(\.what) == ["1 of 2 peers have not been heard"])
    }

    @Test func `a link over which a peer is not heard harms nothing while another carries`() {
        var situation = Pair.fromMaster
        let other = AgentReport.Link(interface: "sync1")
        situation.links.append(other)
        situation.peers[0].silentLinks = [(other, "r2 has not been heard over sync1")]
        let report = report(situation)
        #expect(report.verdict == .safe)
        #expect(
            report.findings == [
                Finding(.link, .safe, "r2 has not been heard over sync1", on: "r1", "ip -s link show dev sync1")
            ])
    }

    @Test func `a link that is away harms nothing while another carries, and all of them everything`() {
        var situation = Pair.fromMaster
        situation.links.append(.init(interface: "sync1", isThere: false, hasCarrier: false, obstacle: "sync1 is away"))
        var report = report(situation)
        #expect(report.verdict == .safe)
        #expect(
            report.findings == [
                Finding(
                    .link, .safe, "sync1 is away, while the nodes go on over sync0", on: "r1",
                    "ip -s link show dev sync1")
            ])
        situation.links[0].hasCarrier = false
        report = self.report(situation)
        #expect(report.verdict == .notSafe)
        #expect(report.findings.map(\.what) == ["sync0 has no carrier", "sync1 is away"])
        situation.links[0].hasCarrier = true
        situation.links[1] = .init(interface: "sync1", lacks: 100)
        report = self.report(situation)
        #expect(report.verdict == .doubtful && report.findings[0].what.contains("100 bytes longer than sync1 carries"))
    }
}
