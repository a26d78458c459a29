import Conntrack
import LabSupport
import Netfilter
import Testing

/// An entry that the writer makes is, to conntrack-tools, the entry that packets through NAT made elsewhere.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct TranslationTests {
    private static let ruleset = """
        table inet nat {
          chain output { type nat hook output priority -100; policy accept;
            ip daddr 198.51.100.2 tcp dport 80 dnat ip to 198.51.100.1:8080
            ip daddr 198.51.100.3 tcp dport 80 dnat ip to 198.51.100.1:8083
            ip daddr 198.51.100.2 udp dport 53 dnat ip to 198.51.100.1:5300
            ip daddr 198.51.100.2 icmp type echo-request dnat ip to 198.51.100.1
            ip6 daddr 2001:db8:100::2 tcp dport 80 dnat ip6 to [2001:db8:100::1]:8080
            ip6 daddr 2001:db8:100::2 udp dport 53 dnat ip6 to [2001:db8:100::1]:5300
          }
          chain postrouting { type nat hook postrouting priority 100; policy accept;
            ip saddr 192.168.10.2 ip daddr 198.51.100.1 meta l4proto { tcp, udp } snat ip to 203.0.113.7:50000-50010
            ip saddr 192.168.10.2 ip daddr 198.51.100.1 ip protocol icmp snat ip to 203.0.113.7
            ip6 saddr 2001:db8:10::2 ip6 daddr 2001:db8:100::1 meta l4proto { tcp, udp } \
                snat ip6 to [2001:db8:113::7]:50000-50010
            ip6 saddr 2001:db8:10::2 ip6 daddr 2001:db8:100::1 meta l4proto icmpv6 snat ip6 to 2001:db8:113::7
          }
        }
        """

    private static func makeTraffic() throws -> LoopbackTraffic {
        try LoopbackTraffic.addAddresses([
            "192.168.10.1/32", "192.168.10.2/32", "198.51.100.1/32", "203.0.113.7/32", "2001:db8:10::1/128",
            "2001:db8:10::2/128", "2001:db8:100::1/128", "2001:db8:113::7/128", "198.51.100.2/32", "198.51.100.3/32",
            "2001:db8:100::2/128",
        ])
        try Command.run(["nft", "-f", "-"], input: ruleset)
        var traffic = LoopbackTraffic()
        // From .1: no source NAT; from .2: source NAT with other ports; to .2 and .3: destination NAT.
        for (last, port) in [(1, 41_001), (2, 41_002)] as [(Int, UInt16)] {
            let four = "192.168.10.\(last)"
            let six = "2001:db8:10::\(last)"
            try traffic.connect(
                from: (four, port), to: ("198.51.100.1", 9_000 + port % 10), server: ("198.51.100.1", 9_000 + port % 10)
            )
            try traffic.connect(
                from: (four, port + 10), to: ("198.51.100.\(last + 1)", 80),
                server: ("198.51.100.1", last == 1 ? 8_080 : 8_083))
            try traffic.exchange(
                from: (four, port + 20), to: ("198.51.100.1", 9_100 + port % 10),
                server: ("198.51.100.1", 9_100 + port % 10))
            try traffic.connect(
                from: (six, port), to: ("2001:db8:100::1", 9_000 + port % 10),
                server: ("2001:db8:100::1", 9_000 + port % 10))
            try traffic.exchange(
                from: (six, port + 20), to: ("2001:db8:100::1", 9_100 + port % 10),
                server: ("2001:db8:100::1", 9_100 + port % 10))
            try traffic.ping(from: four, to: "198.51.100.1", id: 0x1111)
            try traffic.ping(from: six, to: "2001:db8:100::1", id: 0x2222)
        }
        try traffic.exchange(from: ("192.168.10.2", 43_000), to: ("198.51.100.2", 53), server: ("198.51.100.1", 5_300))
        try traffic.ping(from: "192.168.10.2", to: "198.51.100.2", id: 0x3333)
        try traffic.connect(
            from: ("2001:db8:10::2", 43_001), to: ("2001:db8:100::2", 80), server: ("2001:db8:100::1", 8_080))
        try traffic.exchange(
            from: ("2001:db8:10::2", 43_002), to: ("2001:db8:100::2", 53), server: ("2001:db8:100::1", 5_300))
        return traffic
    }

    /// The lines of `conntrack -L`, without what differs in time: the timeout, the third number.
    private static func listing() throws -> [String] {
        try ["ipv4", "ipv6"].flatMap { family in
            try Command.run("conntrack", "-L", "-f", family, "-o", "extended").split(separator: "\n").map { line in
                var words = line.split(separator: " ", omittingEmptySubsequences: true)
                if words.count > 4 { words.remove(at: 4) }
                return words.joined(separator: " ")
            }
        }.sorted()
    }

    @Test func `flows that packets made are made again as they were`() throws {
        let (before, after, events, again, refused) = try withKernel { _ in
            let traffic = try Self.makeTraffic()
            let before = try Self.listing()
            let events = try dumpTable()
            var writer = try ConntrackWriter.open()
            // Deletes and creates each one.
            var batch = WriteBatch()
            for event in events { batch.append(FlowWrite(.replace, event.flow)) }
            try writer.write(&batch)
            let after = try Self.listing()
            let again = try dumpTable()
            withExtendedLifetime(traffic) {}
            return (before, after, events, again, batch.refused)
        }
        #expect(refused.isEmpty)
        #expect(events.count == 18)
        #expect(events.count { $0.flow.status.contains(.sourceNAT) } == 11)
        #expect(events.count { $0.flow.status.contains(.destinationNAT) } == 6)
        #expect(before == after)
        func settled(_ events: [FlowEvent]) -> Set<Flow> {
            Set(
                events.map { event in
                    var flow = event.flow
                    flow.timeout = 0
                    // Without translation the kernel that saw the packets says that it looked, ours does not.
                    if flow.status.isDisjoint(with: [.sourceNAT, .destinationNAT]) {
                        flow.status.subtract([.sourceNATDone, .destinationNATDone])
                    }
                    return flow
                })
        }
        let (old, new) = (settled(events), settled(again))
        #expect(old == new)
    }
}
