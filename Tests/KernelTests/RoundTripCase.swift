import Conntrack

/// One flow of the round-trip table, as a source kernel would show it.
struct RoundTripCase: Sendable, CustomStringConvertible {
    enum Translation: CaseIterable, Sendable {
        case none, source, destination, both, sourcePort, destinationPort, ports
    }
    enum Zone: CaseIterable, Sendable { case none, both, original, reply }

    let `protocol`: ProtocolNumber
    let family: AddressFamily
    let translation: Translation
    let mark: UInt32
    let zone: Zone

    var description: String { "\(`protocol`.name) \(family) nat:\(translation) mark:\(mark) zone:\(zone)" }

    static let all: [RoundTripCase] = {
        var cases: [RoundTripCase] = []
        for family in AddressFamily.allCases {
            let protocols: [ProtocolNumber] = [
                .tcp, .udp, .udplite, family == .ipv4 ? .icmp : .icmpv6, .sctp, .gre, ProtocolNumber(rawValue: 50),
                ProtocolNumber(rawValue: 89),
            ]
            for kind in protocols {
                for translation in Translation.allCases {
                    for mark: UInt32 in [0, 0x8000_00ff] {
                        for zone in Zone.allCases {
                            cases.append(
                                RoundTripCase(
                                    protocol: kind, family: family, translation: translation, mark: mark, zone: zone))
                        }
                    }
                }
            }
        }
        return cases
    }()

    private var keysAreTranslatable: Bool { `protocol`.hasPorts || `protocol`.isICMP }

    var flow: Flow {
        var original = Tuple(
            source: address(10), destination: address(20), family: family, protocol: `protocol`)
        if `protocol`.hasPorts {
            original.sourceKey = 40_000
            original.destinationKey = 443
        } else if `protocol` == .icmp {
            original.sourceKey = 0x1234
            original.destinationKey = 8 << 8
        } else if `protocol` == .icmpv6 {
            original.sourceKey = 0x1234
            original.destinationKey = 128 << 8
        }
        var reply = original.inverted
        var status: FlowStatus = [.seenReply, .assured, .confirmed]
        let isSource = [.source, .both, .sourcePort, .ports].contains(translation)
        let isDestination = [.destination, .both, .destinationPort, .ports].contains(translation)
        if isSource {
            reply.destination = address(30)
            status.insert(.sourceNAT)
            if keysAreTranslatable, translation == .sourcePort || translation == .ports {
                if `protocol`.isICMP { reply.sourceKey = 0x4321 } else { reply.destinationKey = 61_000 }
            }
        }
        if isDestination {
            reply.source = address(40)
            status.insert(.destinationNAT)
            if `protocol`.hasPorts, translation == .destinationPort || translation == .ports {
                reply.sourceKey = 8_443
            }
        }
        if translation != .none { status.formUnion([.sourceNATDone, .destinationNATDone]) }
        if zone == .both || zone == .original { original.zone = 7 }
        if zone == .both || zone == .reply { reply.zone = 7 }
        // A tunnel is written with a timeout that packets leave alone, and learns from them that it lives.
        if `protocol` == .gre {
            status.insert(.fixedTimeout)
            status.remove(.assured)
        }
        return Flow(original: original, reply: reply, status: status, timeout: 600, mark: mark, state: state)
    }

    private var state: ProtocolState {
        switch `protocol` {
        case .tcp:
            .tcp(
                TCPInfo(
                    state: .established, originalScale: 7, replyScale: 9,
                    originalFlags: [.windowScale, .sackPermitted], replyFlags: [.windowScale]))
        case .sctp: .sctp(SCTPInfo(state: .established, originalTag: 0x0102_0304, replyTag: 0xfffe_fdfc))
        default: .none
        }
    }

    private func address(_ host: UInt64) -> Address {
        switch family {
        case .ipv4: Address(ipv4: 0xc0a8_0a00 | UInt32(host))
        case .ipv6: Address(high: 0x2001_0db8_0000_0010, low: host)
        }
    }
}
