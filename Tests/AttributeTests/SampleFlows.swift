import Conntrack

// The flows that the rows vary: one of each protocol.
extension AttributeSamples {
    static let tcp = flow(
        .tcp,
        .tcp(
            TCPInfo(
                state: .established, originalScale: 7, replyScale: 9, originalFlags: [.windowScale, .sackPermitted],
                replyFlags: [.windowScale, .sackPermitted])))
    static let sctp = flow(.sctp, .sctp(sctpInfo(.established)))
    static let dccp = flow(.dccp, .dccp(dccpInfo(.open)))
    static let udplite = flow(.udplite)
    static let related = flow(.udp)
    static let ospf = flow(ProtocolNumber(rawValue: 89))
    static let icmp = flow(.icmp)
    /// Without a status that a helper, a master or a translation brings.
    static let bare: Flow = {
        var flow = tcp
        flow.status = .confirmed
        return flow
    }()
    static let ipv6: Flow = {
        let original = Tuple(
            source: Address(high: 0x2001_0db8_0000_0001, low: 1),
            destination: Address(high: 0x2001_0db8_0000_0002, low: 2), sourceKey: 40_000, destinationKey: 443,
            family: .ipv6, protocol: .udp)
        return Flow(
            original: original, reply: original.inverted, status: [.seenReply, .assured, .confirmed], timeout: 120)
    }()

    static func sctpInfo(_ state: SCTPState) -> SCTPInfo { SCTPInfo(state: state, originalTag: 2, replyTag: 3) }
    static func dccpInfo(_ state: DCCPState) -> DCCPInfo { DCCPInfo(state: state, handshakeSequence: 9) }

    private static func flow(_ number: ProtocolNumber, _ state: ProtocolState = .none) -> Flow {
        var original = Tuple(
            source: Address(ipv4: 0xc0a8_0a0a), destination: Address(ipv4: 0xcb00_710a), family: .ipv4,
            protocol: number)
        if number.hasPorts { (original.sourceKey, original.destinationKey) = (40_000, 443) }
        if number.isICMP { (original.sourceKey, original.destinationKey) = (77, 8 << 8) }
        return Flow(
            original: original, reply: original.inverted, status: [.seenReply, .assured, .confirmed], timeout: 300,
            mark: 3, state: state)
    }
}
