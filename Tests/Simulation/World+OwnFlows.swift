internal import Bytes
internal import Conntrack
internal import SyncProtocol

/// Flows that are the routers' own, and that no agent may touch or tell of.
extension World {
    /// Looks for own flows, and for leases that grew, in what a node sends.
    func inspect(_ bytes: [UInt8], from node: Int) {
        let filter = nodes[node].filter
        bytes.withBytes { span in
            guard var reader = try? DatagramReader(span, speaking: 1...2) else { return }
            while true {
                guard let next = try? reader.next(span) else { return }
                switch next {
                case .flow(let told) where told.flow.timeout > longestLease(of: told.flow, node):
                    problem("\(nodes[node].name) gives \(told.flow.text) \(told.flow.timeout) s, more than a lease")
                case .flow(let told) where filter.verdict(told.flow) == .own:
                    problem("\(nodes[node].name) announces its own flow \(told.flow.text)")
                case .destroy(let told) where filter.verdict(told.original, told.original) == .own:
                    problem("\(nodes[node].name) announces the end of its own flow \(told.original.text)")
                default: break
                }
            }
        }
    }

    /// What a copy has at most, in seconds: a quarter of an hour beyond what packets give.
    private func longestLease(of flow: Flow, _ node: Int) -> UInt32 {
        nodes[node].kernel.timeouts.fullTimeout(of: flow) + 900
    }

    func addOwnFlows(_ node: SimulatedNode) {
        func add(_ source: UInt32, _ destination: UInt32, _ keys: (UInt16, UInt16), _ number: ProtocolNumber) {
            let original = Tuple(
                source: Address(ipv4: source), destination: Address(ipv4: destination), sourceKey: keys.0,
                destinationKey: keys.1, family: .ipv4, protocol: number)
            let tcp = number == .tcp ? TCPInfo(state: .established) : nil
            node.kernel.insert(
                Flow(
                    original: original, reply: original.inverted, status: [.confirmed, .seenReply, .assured], tcp: tcp),
                timeout: 8_000_000)
        }
        let index = UInt32(node.index)
        // Between two routers both tables hold the same tuple: a session, the sync link, VRRP.
        for other in 0..<UInt32(setup.nodes) where other != index {
            let (first, second) = (min(index, other), max(index, other))
            add(0xc0a8_0a02 + first, 0xc0a8_0a02 + second, (50_022, 22), .tcp)
            add(0x0a63_0001 + first, 0x0a63_0001 + second, (3_780, 3_780), .udp)
        }
        add(0xc0a8_0a02 + index, 0xe000_0012, (0, 0), ProtocolNumber(rawValue: 112))
        add(0x7f00_0001, 0x7f00_0001, (40_000, 53), .udp)
        add(0xcb00_7102 + index, 0xc633_6405, (40_123, 53), .udp)
    }

    /// A router makes and ends flows of its own.
    public func stirOwnFlows() {
        for node in nodes where node.isUp {
            let original = Tuple(
                source: Address(ipv4: 0xcb00_7102 + UInt32(node.index)), destination: Address(ipv4: 0xc633_6406),
                sourceKey: UInt16(generator.pick(30_000...30_050)), destinationKey: 53, family: .ipv4, protocol: .udp)
            let flow = Flow(original: original, reply: original.inverted, status: .confirmed)
            _ = node.kernel.carry(.init(flow: flow, isFirst: true, position: 0, sourceNAT: nil))
        }
    }
}
