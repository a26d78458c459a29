import Conntrack
import LabSupport
import Testing

@testable import Netfilter

/// What the kernel drops by a filter's program, held against the filter itself.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct EventFilterTests {
    private static let addresses: [AddressFamily: [Address]] = [
        .ipv4: [
            "192.0.2.1", "192.0.2.127", "192.0.2.128", "198.51.100.7", "198.51.100.8", "127.0.0.9", "169.254.3.4",
        ].compactMap { Address.parse($0)?.0 },
        .ipv6: [
            "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8:8000::1", "2001:db9::1", "fe80::5", "febf::1",
            "fec0::1",
        ].compactMap { Address.parse($0)?.0 },
    ]

    /// Flows between each two of the addresses, half of them translated into a third.
    private static let flows: [Flow] = {
        var flows: [Flow] = []
        for (family, ends) in addresses.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            for (first, source) in ends.enumerated() {
                for (second, destination) in ends.enumerated() where first != second {
                    for number in [ProtocolNumber.tcp, .udp] {
                        let port = UInt16(1_000 + first * 64 + second)
                        let original = Tuple(
                            source: source, destination: destination, sourceKey: port, destinationKey: 80,
                            family: family, protocol: number)
                        var reply = original.inverted
                        if port % 2 == 1 { reply.destination = ends[(first + second) % ends.count] }
                        flows.append(
                            Flow(
                                original: original, reply: reply, status: .confirmed, timeout: 60,
                                tcp: number == .tcp ? TCPInfo(state: .established) : nil))
                    }
                }
            }
        }
        return flows
    }()

    /// What a socket without a filter hears, and what one with it.
    private func heard(_ filter: FlowFilter) throws -> (all: [Flow], filtered: Set<Tuple>) {
        try withKernel { _ in
            var open = try ConntrackEvents.open(receiveBuffer: 1 << 22)
            var filtered = try ConntrackEvents.open(receiveBuffer: 1 << 22)
            try filtered.leaveOut(filter)
            var writer = try ConntrackWriter.open()
            // Two flows may want one tuple; the kernel refuses the second.
            for flow in Self.flows { _ = try write([FlowWrite(.create, flow)], &writer) }
            var (all, passed) = (EventBatch(limit: 4_096), EventBatch(limit: 4_096))
            try open.receive(into: &all)
            try filtered.receive(into: &passed)
            return (all.events.map(\.flow), Set(passed.events.map(\.flow.original)))
        }
    }

    @Test func `it drops what the filter leaves out, and nothing else`() throws {
        let own = ["198.51.100.7", "2001:db8::2"].compactMap { Address.parse($0) }
        let filters = [
            FlowFilter(),
            FlowFilter(acceptedProtocols: [.tcp]),
            FlowFilter(acceptedProtocols: [.icmp, .udp]),
            FlowFilter(ownAddresses: Set(own.map { FlowFilter.OwnAddress($0.0, $0.1) })),
            FlowFilter(
                acceptedProtocols: [.tcp, .udp],
                ignoredAddresses: ["192.0.2.0/25", "2001:db8::/33", "2001:db8:0:1::/64"]
                    .compactMap { AddressPrefix(parsing: $0) }),
            FlowFilter(ignoredAddresses: [AddressPrefix(parsing: "0.0.0.0/0")].compactMap { $0 }),
        ]
        for filter in filters {
            let (all, filtered) = try heard(filter)
            #expect(all.count > 150)
            #expect(filtered == Set(all.filter { filter.verdict($0) == .replicated }.map(\.original)), "\(filter)")
        }
    }

    @Test func `what does not fit into a program passes`() throws {
        let many = (0..<2_000).compactMap { AddressPrefix(Address(high: $0 << 32, low: 0), .ipv6, length: 64) }
        let filter = FlowFilter(ignoredAddresses: many + [AddressPrefix(parsing: "192.0.2.0/24")].compactMap { $0 })
        let (all, filtered) = try heard(filter)
        #expect(all.allSatisfy { filter.verdict($0) != .replicated || filtered.contains($0.original) })
        #expect(all.contains { filter.verdict($0) == .address && filtered.contains($0.original) })
    }
}
