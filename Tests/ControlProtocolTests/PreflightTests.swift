import ControlProtocol
import FoundationEssentials
import Testing

/// How the report of `preflight` looks.
@Suite struct PreflightTests {
    @Test func `the verdict stands first, and each reason has its command`() {
        let expected = """
            ctsync-ha  UNSAFE  a failover now would lose connections                      r1
            why        no ruleset enables conntrack on r2: packets are not tracked, and meet
                       no entry
            do         on r2: nft -f /etc/nftables.conf
            why        nf_conntrack_events is 0 on r1: its flows are not replicated
            do         sysctl -w net.netfilter.nf_conntrack_events=1
            note       2 PPTP calls cannot go on elsewhere
            do         ctsync-ha table | grep gre
            failover   r1 to r2  413,180 flows
            table      r2 has 22 entries  413,202 after the failover of 1,048,576 (39 %)
                       chains of 3.2
            passed     link  peer  sync
            unknown    zones  labels

            """
        #expect(PreflightScreen.render(Sample.unready) == expected)
    }

    @Test func `what is safe is short`() {
        let report = PreflightReport(
            node: "r2", verdict: .safe, failover: .init(from: "r1", to: "r2", flows: 3),
            passed: PreflightReport.Check.allCases)
        let expected = """
            ctsync-ha  SAFE  a failover now loses no connection                           r2
            failover   r1 to r2  3 flows
            passed     link  peer  versions  roles  sync  lag  digest  loss  facts  tracking
                       table  chains  commit  helpers  zones  labels  events  sysctls
                       timeouts  flows

            """
        #expect(PreflightScreen.render(report) == expected)
    }

    @Test func `no row is longer than 80 columns, whatever peers are called`() {
        var report = Sample.unready
        report.node = "r1\u{1b}[2J" + String(repeating: "n", count: 300)
        report.failover = .init(from: String(repeating: "f", count: 200), to: "\u{202e}", flows: .max)
        report.table = .init(
            node: String(repeating: "t", count: 90), entries: .max, expected: .max, limit: 1, buckets: 1)
        report.findings[0].command = String(repeating: "net.netfilter.nf_conntrack_udp_timeout=1 ", count: 20)
        report.findings[1].node = String(repeating: "o", count: 100)
        let screen = PreflightScreen.render(report, palette: .plain)
        #expect(screen.split(separator: "\n").allSatisfy { $0.count <= 80 })
        #expect(!screen.contains("\u{1b}") && !screen.contains("\u{202e}"))
    }

    @Test func `the verdict alone has a colour`() {
        let coloured = PreflightScreen.render(Sample.unready, palette: .terminal)
        #expect(coloured.contains("\u{1b}[1;31mUNSAFE\u{1b}[0m"))
        #expect(coloured.split(separator: "\u{1b}").count == 3)
    }

    @Test func `preflight has its stable keys, and what is unknown is null`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        func json(_ report: PreflightReport) throws -> String {
            String(decoding: try encoder.encode(report), as: UTF8.self)
        }
        var report = Sample.unready
        report.findings.removeLast(2)
        report.table?.buckets = 131_072
        report.table?.expected = 524_288
        #expect(
            try json(report) == """
                {"failover":{"flows":413180,"from":"r1","to":"r2"},"node":"r1","passed":["link","peer","sync"],\
                "reasons":[{"check":"tracking","command":"nft -f /etc/nftables.conf","node":"r2",\
                "reason":"no ruleset enables conntrack on r2: packets are not tracked, and meet no entry",\
                "severity":"unsafe"}],"schema":1,\
                "table":{"buckets":131072,"entries":22,"expected":524288,"limit":1048576,"mean_chain":8,"node":"r2"},\
                "unknown":["zones","labels"],"verdict":"unsafe"}
                """)
        report.table?.limit = nil
        report.table?.buckets = nil
        #expect(try json(report).contains("\"buckets\":null,\"entries\":22,\"expected\":524288,\"limit\":null"))
        #expect(
            try json(PreflightReport(node: "r1", verdict: .doubtful)) == """
                {"failover":null,"node":"r1","passed":[],"reasons":[],"schema":1,"table":null,"unknown":[],\
                "verdict":"doubtful"}
                """)
    }
}
