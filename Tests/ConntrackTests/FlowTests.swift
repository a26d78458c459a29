import Testing

@testable import Conntrack

@Suite struct FlowTests {
    static let tuple = Tuple(
        source: Address(ipv4: 0xc0a8_0a05), destination: Address(ipv4: 0xcb00_7107), sourceKey: 4660,
        destinationKey: 80, family: .ipv4, protocol: .tcp)

    @Test func `inverting twice is no change, also for an ICMP request`() {
        #expect(Self.tuple.inverted.inverted == Self.tuple)
        var echo = Self.tuple
        echo.protocol = .icmp
        echo.sourceKey = 77
        echo.destinationKey = 8 << 8
        #expect(echo.inverted.destinationKey == 0 && echo.inverted.sourceKey == 77)
        #expect(echo.inverted.inverted == echo)
    }

    @Test func `an update tells part of a flow and keeps the rest`() {
        var flow = Flow(
            original: Self.tuple, reply: Self.tuple.inverted, status: [.confirmed, .assured], timeout: 100, mark: 5,
            tcp: TCPInfo(state: .established, originalScale: 7, originalFlags: .windowScale))
        let update = Flow(
            original: Self.tuple, reply: Self.tuple, timeout: 120, tcp: TCPInfo(state: .finWait))
        let changed = flow.merge(update, [.protocolState, .timeout])
        #expect(changed)
        #expect(flow.tcp?.state == .finWait && flow.tcp?.originalScale == 7)
        #expect(flow.mark == 5 && flow.reply == Self.tuple.inverted && flow.timeout == 120)
        let refreshed = flow.merge(Flow(original: Self.tuple, reply: Self.tuple, timeout: 9), .timeout)
        #expect(!refreshed)
        #expect(flow.timeout == 9)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("169.254.3.4", true), ("224.0.0.18", true), ("255.255.255.255", true), ("0.0.0.0", true),
        ("10.0.0.1", false), ("::1", true), ("fe80::1", true), ("febf::1", true), ("fec0::1", false),
        ("ff02::12", true),
        ("2001:db8::1", false),
    ])
    func `addresses that mean something on one node only`(text: String, bound: Bool) throws {
        let (address, family) = try #require(Address.parse(text))
        #expect(address.isBoundToItsNode(family) == bound)
    }

    @Test func `a filter leaves out own flows first, then protocols, then addresses`() throws {
        let flow = Flow(original: Self.tuple, reply: Self.tuple.inverted)
        #expect(FlowFilter().verdict(flow) == .replicated)
        #expect(FlowFilter(acceptedProtocols: [.udp]).verdict(flow) == .protocol)
        let prefix = try #require(AddressPrefix(parsing: "192.168.10.0/24"))
        #expect(FlowFilter(ignoredAddresses: [prefix]).verdict(flow) == .address)
        let own = FlowFilter(acceptedProtocols: [.udp], ownAddresses: [.init(Self.tuple.destination, .ipv4)])
        #expect(own.verdict(flow) == .own)
    }

    @Test(
        arguments: [
            (.udp, .seenReply, 3, 30), (.udp, [.seenReply, .assured], 3, 120), (.udp, .seenReply, 90, 90),
            (.udplite, [.seenReply, .assured], 3, 120), (.icmp, [], 3, 30), (.sctp, [], 3, 210),
            (.gre, [], 3, 45), (.gre, .seenReply, 3, 270), (.gre, .seenReply, 600, 600),
            (ProtocolNumber(rawValue: 89), [], 3, 600), (.tcp, [], 3, 432_000),
            (.udp, .seenReply, 4_000_000_000, Flow.maximumTimeout),
        ] as [(ProtocolNumber, FlowStatus, UInt32, UInt32)])
    func `a taken-over flow never gets less than the full timeout of its state`(
        number: ProtocolNumber, status: FlowStatus, told: UInt32, given: UInt32
    ) {
        var flow = Flow(original: Self.tuple, reply: Self.tuple.inverted, status: status, timeout: told)
        flow.original.protocol = number
        #expect(ProtocolTimeouts().takeoverTimeout(of: flow) == given)
    }
}
