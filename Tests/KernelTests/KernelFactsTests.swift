import Conntrack
import LabSupport
import Netfilter
import Testing

/// What a namespace says about itself.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct KernelFactsTests {
    @Test func `entries, limit and timeouts are this namespace's`() throws {
        let (facts, entries) = try NetworkNamespace.withNew {
            try Command.run(
                "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_timeout_established=1234",
                "net.netfilter.nf_conntrack_udp_timeout_stream=77", "net.netfilter.nf_conntrack_events=1")
            var writer = try ConntrackWriter.open()
            _ = try FlowGenerator().load(0..<7, using: &writer)
            return (KernelFacts.read(), KernelFacts.entries())
        }
        #expect(facts.entries == 7)
        #expect(entries == 7)
        #expect(facts.events == .always)
        #expect((facts.limit ?? 0) > 0)
        #expect((facts.buckets ?? 0) > 0)
        var expected = ProtocolTimeouts()
        expected.tcp[Int(TCPState.established.rawValue)] = 1_234
        expected.udpStream = 77
        #expect(facts.timeouts == expected)
    }

    private static let rulesets: [(rules: String, expected: PacketTracking)] = [
        ("", .disabled),
        ("table inet f { chain c { type filter hook input priority 0; tcp dport 9 drop; }; }", .disabled),
        ("table inet f { chain c { type filter hook forward priority 0; ct state invalid drop; }; }", .enabled),
        ("table ip f { chain c { type nat hook postrouting priority 100; masquerade; }; }", .enabled),
        ("table ip6 f { chain c { type filter hook forward priority 0; ct state new accept; }; }", .enabled),
        // Loopback exempt from tracking: the search of the rules finds the rule with state.
        (
            """
            table inet f {
              chain raw { type filter hook output priority raw; oif lo notrack; }
              chain c { type filter hook forward priority 0; ct state invalid drop; }
            }
            """, .enabled
        ),
        ("table inet f { chain raw { type filter hook output priority raw; oif lo notrack; }; }", .unknown),
        // Loopback closed and nothing that tracks.
        (
            "table inet f { chain c { type filter hook input priority 0; iif lo drop; }; }", .unknown
        ),
    ]

    @Test(arguments: rulesets.indices)
    func `whether packets are tracked depends on the ruleset`(index: Int) throws {
        let (rules, expected) = Self.rulesets[index]
        let found = try NetworkNamespace.withNew {
            if !rules.isEmpty { try Command.run(["nft", "-f", "-"], input: rules) }
            return try ConntrackProbe.packetTracking()
        }
        #expect(found == expected, "\(rules)")
    }

    private static let surveyed: [(rules: String, labels: Bool?, zones: Bool?, needsTracking: Bool)] = [
        ("", false, false, false),
        ("table ip f { chain c { type filter hook input priority 0; tcp dport 9 drop; }; }", false, false, false),
        // Matching on a zone puts nothing there; whether matching on a label makes room for one depends on the kernel.
        (
            "table ip f { chain c { type filter hook forward priority 0; ct label 5 accept; ct zone 5 accept; }; }",
            nil, false, true
        ),
        (
            "table ip6 f { chain c { type filter hook output priority mangle; ct label set 5; }; }",
            true, false, true
        ),
        (
            "table inet f { chain c { type filter hook output priority raw; udp dport 9 ct zone set 7; }; }",
            false, true, true
        ),
        (
            """
            table ip f { chain c { type filter hook output priority raw; ct original zone set 7; }; }
            table ip g { chain c { type filter hook forward priority 0; ct mark 1 ct label set 126 accept; }; }
            """, true, true, true
        ),
        ("table ip f { chain c { type nat hook postrouting priority 100; masquerade; }; }", false, false, true),
    ]

    @Test(arguments: surveyed.indices)
    func `the rules tell whether they give labels and zones`(index: Int) throws {
        let (rules, labels, zones, needsTracking) = Self.surveyed[index]
        // The kernel itself says the same: an entry keeps its labels only where a rule gives some.
        let (survey, kept) = try NetworkNamespace.withNew {
            if !rules.isEmpty { try Command.run(["nft", "-f", "-"], input: rules) }
            var writer = try ConntrackWriter.open()
            var flow = FlowGenerator().flow(0)
            flow.extensions.labels = ConnectionLabels(low: 6)
            _ = try write([FlowWrite(.create, flow)], &writer)
            var lookup = try ConntrackLookup.open()
            return (RulesetSurvey.read(), try lookup.find(flow.original)?.extensions.labels)
        }
        if let labels { #expect(kept == ConnectionLabels(low: labels ? 6 : 0)) }
        #expect(survey.setsLabels == labels && survey.setsZones == zones, "\(rules): \(survey)")
        #expect(survey.needsTracking == needsTracking, "\(rules)")
    }

    @Test func `among thousands of rules the last one is found`() throws {
        let survey = try NetworkNamespace.withNew {
            let drops = (1...3_000).map { "tcp dport \($0) drop;" }.joined(separator: "\n")
            let chain = "type filter hook output priority raw;\n\(drops)\nct zone set 7;"
            try Command.run(["nft", "-f", "-"], input: "table ip f { chain c { \(chain) }; }")
            return RulesetSurvey.read()
        }
        #expect(survey.setsZones == true && survey.setsLabels == false)
    }

    @Test func `the facts follow what changes in the kernel`() throws {
        let facts = try NetworkNamespace.withNew {
            var reader = FactsReader()
            var facts = [reader.read()]
            try Command.run(
                ["nft", "-f", "-"],
                input: "table ip f { chain c { type filter hook output priority raw; ct zone set 7; }; }")
            try Command.run(
                "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0",
                "net.netfilter.nf_conntrack_tcp_be_liberal=1", "net.netfilter.nf_conntrack_checksum=0",
                "net.netfilter.nf_conntrack_events=0", "net.netfilter.nf_conntrack_udp_timeout=77")
            var writer = try ConntrackWriter.open()
            _ = try FlowGenerator().load(0..<7, using: &writer)
            facts.append(reader.read())
            try Command.run("nft", "flush", "ruleset")
            facts.append(reader.read())
            return facts
        }
        #expect(facts.map(\.tracksPackets) == [false, true, false])
        #expect(facts.map(\.setsZones) == [false, true, false])
        #expect(facts.map(\.entries) == [0, 7, 7])
        #expect(facts[1].isLoose == false && facts[1].isLiberal == true && facts[1].verifiesChecksums == false)
        #expect(facts[1].events == .never && facts[1].timeout(.udp) == 77)
        #expect(facts[0].timeouts.count == TimeoutSetting.allCases.count && !facts[0].timeouts.contains(0))
        #expect((facts[0].limit ?? 0) > 0 && (facts[0].buckets ?? 0) > 0)
    }

    @Test func `a flow is found by its original tuple`() throws {
        let (present, absent, zoned) = try NetworkNamespace.withNew {
            var writer = try ConntrackWriter.open()
            var inZone = FlowGenerator().flow(1)
            inZone.original.zone = 5
            inZone.reply.zone = 5
            _ = try write([FlowWrite(.create, FlowGenerator().flow(0)), FlowWrite(.create, inZone)], &writer)
            var lookup = try ConntrackLookup.open()
            return (
                try lookup.find(FlowGenerator().flow(0).original), try lookup.find(FlowGenerator().flow(1).original),
                try lookup.find(inZone.original)
            )
        }
        #expect(present?.reply == FlowGenerator().flow(0).reply)
        #expect(absent == nil)
        #expect(zoned?.original.zone == 5)
    }

    @Test func `access is there for root`() throws {
        try NetworkNamespace.withNew { try ConntrackProbe.checkAccess() }
    }
}
