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
