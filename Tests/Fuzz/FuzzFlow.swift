import Conntrack

/// Flows of a few hosts and ports, so that tuples meet.
enum FuzzFlow {
    static func tuple(_ input: inout FuzzInput) -> Tuple {
        let hosts = input.byte()
        let shape = input.byte()
        let family: AddressFamily = shape & 0x80 == 0 ? .ipv4 : .ipv6
        func address(_ base: UInt32, _ last: UInt8) -> Address {
            family == .ipv4
                ? Address(ipv4: base + UInt32(last))
                : Address(high: 0x2001_0db8_0000_0000 | UInt64(base), low: UInt64(last))
        }
        let numbers: [ProtocolNumber] = [
            .tcp, .udp, family == .ipv4 ? .icmp : .icmpv6, .sctp, .gre, .dccp, ProtocolNumber(rawValue: 89), .tcp,
        ]
        let number = numbers[Int(shape & 7)]
        let hasKeys = number.hasPorts || number.isICMP || number == .gre
        // 192.168.10.2 is the node's own.
        return Tuple(
            source: address(0xc0a8_0a02, hosts & 0x0f), destination: address(0xcb00_7100, hosts >> 4),
            sourceKey: hasKeys ? UInt16(shape >> 3 & 3) + 1_000 : 0, destinationKey: hasKeys ? 8 << 8 : 0,
            zone: shape & 0x60 == 0x60 ? 5 : 0, family: family, protocol: number)
    }

    static func flow(_ input: inout FuzzInput) -> Flow {
        let original = tuple(&input)
        var flow = Flow(original: original, reply: original.inverted)
        let shape = input.byte()
        flow.status = FlowStatus(rawValue: UInt32(input.uint16())).intersection(.replicated)
        flow.timeout = UInt32(input.byte())
        if shape & 1 == 1 { flow.reply.destination = Address(high: original.destination.high, low: 0xcb00_7101) }
        if shape & 2 == 2, original.protocol.hasPorts { flow.reply.destinationKey = input.uint16() }
        if shape & 4 == 4 { flow.mark = input.uint32() }
        if shape & 8 == 8 {
            let master = tuple(&input)
            if master != original, master.family == original.family {
                flow.master = master
                flow.master?.zone = original.zone
                flow.status.insert(.expected)
            }
        }
        if shape & 16 == 16 { flow.extensions.helper = KernelName(input.flag() ? "ftp" : "sip") ?? .none }
        if shape & 32 == 32 { flow.extensions.sequence.original.after = Int32(bitPattern: input.uint32()) }
        if shape & 64 == 64 { flow.extensions.labels.low = UInt64(input.byte()) }
        guard shape & 128 == 0 else { return flow }
        let state = input.byte()
        switch original.protocol {
        case .tcp:
            flow.state = .tcp(
                TCPInfo(
                    state: TCPState(rawValue: state % 10) ?? .established, originalScale: state >> 4 & 7,
                    replyScale: 7, originalFlags: .windowScale, replyFlags: state & 8 == 8 ? .windowScale : []))
        case .sctp: flow.state = .sctp(SCTPInfo(state: SCTPState(rawValue: state % 9) ?? .established))
        case .dccp: flow.state = .dccp(DCCPInfo(state: DCCPState(rawValue: state % 8) ?? .open))
        default: break
        }
        return flow
    }

    static func expectation(_ input: inout FuzzInput) -> Expectation {
        let expected = tuple(&input)
        var master = tuple(&input)
        master.zone = expected.zone
        let full: Address = expected.family == .ipv4 ? Address(ipv4: .max) : Address(high: .max, low: .max)
        var expectation = Expectation(
            key: ExpectationKey(
                tuple: expected, sourceMask: input.flag() ? full : .any, sourceKeyMask: 0), master: master,
            timeout: UInt32(input.byte()))
        if input.flag() {
            expectation.helper = KernelName("ftp") ?? .none
            expectation.translation = ExpectationTranslation(
                isReply: input.flag(), address: Address(high: full.high, low: 0xcb00_7101), key: 0)
        }
        return expectation
    }
}
