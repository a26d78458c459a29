import Conntrack
import Netfilter
import Testing

/// What each recorded message means.
@Suite struct GoldenMessageTests {
    @Test(arguments: GoldenMessage.all)
    func `the kind of event is seen`(golden: GoldenMessage) throws {
        let event = try parse(golden.bytes, isDumped: golden.isDumped)
        let kinds: [(String, FlowEvent.Kind)] = [
            ("a new", .new), ("an update", .update), ("a destroy", .destroy), ("a dump line", .dumped),
        ]
        let expected = try #require(kinds.first { golden.name.hasPrefix($0.0) }).1
        #expect(event.kind == expected)
        #expect(event.origin == .kernel)
        #expect(event.attributes.contains(.reply))
        // A destroy tells the state alone.
        let hasState = event.flow.state != .none
        #expect(event.attributes.contains(.protocolDetails) == (hasState && event.kind != .destroy))
        #expect(event.attributes.contains(.protocolState) == hasState)
        if event.kind == .dumped { #expect(event.attributes == .all.subtracting(hasState ? [] : .state)) }
    }

    @Test(
        arguments: [
            ("a dump line IPv4 SCTP", SCTPInfo(state: .closed, replyTag: 0x1122_3344)),
            ("a destroy IPv4 SCTP", SCTPInfo(state: .closed)),
        ])
    func `an association's state is read`(name: String, info: SCTPInfo) throws {
        let golden = try #require(GoldenMessage.all.first { $0.name == name })
        let flow = try parse(golden.bytes, isDumped: golden.isDumped).flow
        #expect(flow.state == .sctp(info))
    }

    @Test func `a helper is read`() throws {
        let golden = try #require(GoldenMessage.all.first { $0.name.hasSuffix("assured with a helper") })
        let event = try parse(golden.bytes, isDumped: true)
        #expect(event.flow.extensions.helper == KernelName("ftp"))
    }

    @Test func `translation, mark and keys are read`() throws {
        let golden = try #require(GoldenMessage.all.first { $0.name.hasPrefix("a dump line IPv4 UDP with source NAT") })
        let flow = try parse(golden.bytes, isDumped: true).flow
        let original = Tuple(
            source: Address(ipv4: 0xc0a8_0a0a), destination: Address(ipv4: 0xcb00_7101), sourceKey: 41_000,
            destinationKey: 5_353, family: .ipv4, protocol: .udp)
        let reply = Tuple(
            source: Address(ipv4: 0xcb00_7114), destination: Address(ipv4: 0xcb00_7101), sourceKey: 5_300,
            destinationKey: 41_000, family: .ipv4, protocol: .udp)
        #expect(flow.original == original)
        #expect(flow.reply == reply)
        #expect(flow.mark == 42)
        #expect(flow.status.isSuperset(of: [.sourceNAT, .destinationNAT, .confirmed, .seenReply]))
        #expect(flow.tcp == nil)
    }

    @Test(
        arguments: [
            ("a dump line IPv4 UDP in zone 7", 7, 7),
            ("a dump line IPv4 UDP in zone 8 of the original direction", 8, 0),
            ("a dump line IPv4 UDP in zone 9 of the reply direction", 0, 9),
        ] as [(String, UInt16, UInt16)])
    func `zones of one or both directions are read`(name: String, original: UInt16, reply: UInt16) throws {
        let golden = try #require(GoldenMessage.all.first { $0.name == name })
        let flow = try parse(golden.bytes, isDumped: true).flow
        #expect(flow.original.zone == original)
        #expect(flow.reply.zone == reply)
    }

    @Test func `an echo request keeps its id and type`() throws {
        let golden = try #require(GoldenMessage.all.first { $0.name.hasPrefix("a new IPv6 ICMPv6") })
        let flow = try parse(golden.bytes).flow
        #expect(flow.original.sourceKey == 0x5678)
        #expect(flow.original.destinationKey == 128 << 8)
        #expect(flow.reply.destinationKey == 129 << 8)
        #expect(flow.reply.destination != flow.original.source, "translated")
    }
}

extension FlowAttributes {
    /// What a tracker of the protocol tells.
    static let state: FlowAttributes = [.protocolState, .protocolDetails]
}
