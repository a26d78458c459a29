public import Conntrack
internal import StateMachine

extension SimulatedKernel {
    /// A packet of a connection, with what the tracker makes of it.
    public struct Packet {
        /// The flow as it is after this packet.
        ///
        /// Of a first packet the reply is not translated yet.
        public var flow: Flow
        /// Whether it may open a flow.
        public var isFirst: Bool
        /// Where the TCP stream stands.
        public var position: UInt64
        /// The address that SNAT gives a new flow, with a port of chance.
        public var sourceNAT: Address?
    }

    /// What became of a packet.
    public enum Passage: Equatable, Sendable {
        case passed
        /// A new flow, with its reply tuple.
        case opened(Flow)
        /// No entry: `tcp_loose` is 0, so it is INVALID.
        case missing
        /// The window of the entry is elsewhere: INVALID.
        case outsideWindow
        /// It left with another address or port than its peer expects.
        case wrongNAT
        /// The table is full, or the tuple is taken.
        case refused
    }

    /// Lets a packet through the table.
    public func carry(_ packet: Packet) -> Passage {
        let entry = entry(original: packet.flow.original)
        let passage = pass(packet)
        trace(
            packet.flow.original,
            "carries \(packet.flow.text) at \(packet.position), window \(entry?.window ?? 0): \(passage)")
        return passage
    }

    private func pass(_ packet: Packet) -> Passage {
        let original = packet.flow.original
        if packet.isFirst { return open(packet) }
        guard let entry = entry(original: original) else {
            // Only TCP knows the middle of a stream; for the rest this is a new flow with another translation.
            guard packet.flow.tcp == nil, packet.sourceNAT != nil else {
                return packet.flow.tcp == nil ? open(packet) : .missing
            }
            _ = open(packet)
            return .wrongNAT
        }
        guard entry.flow.reply == packet.flow.reply else { return .wrongNAT }
        if let tcp = packet.flow.tcp {
            // A handshake tells both scales.
            if tcp.state == .synReceived { change(original) { $0.isBlind = false } }
            let window = entry.window ?? packet.position
            let isInside = packet.position - min(window, packet.position) <= Self.windowSize
            guard entry.isLiberal || isInside && (!entry.isBlind || tcp.state == .synReceived) else {
                return .outsideWindow
            }
            if isInside { change(original) { $0.window = packet.position } }
        }
        update(original, packet)
        return .passed
    }

    private func update(_ original: Tuple, _ packet: Packet) {
        var attributes: FlowAttributes = []
        change(original) { entry in
            let before = entry.flow
            entry.lastPacket = self.clock.now
            entry.flow.status.formUnion(packet.flow.status)
            entry.flow.mark = packet.flow.mark
            if let tcp = packet.flow.tcp { entry.flow.tcp = tcp }
            if entry.flow.status != before.status { attributes.insert(.status) }
            if entry.flow.mark != before.mark { attributes.insert(.mark) }
            if entry.flow.tcp != before.tcp { attributes.formUnion([.protocolState, .protocolDetails]) }
        }
        guard let entry = entry(original: original) else { return }
        if !entry.flow.status.contains(.fixedTimeout) { setTimeout(original, timeouts.fullTimeout(of: entry.flow)) }
        // A mere refresh makes no event.
        guard !attributes.isEmpty, let now = self.entry(original: original) else { return }
        attributes.formUnion([.reply, .status, .timeout])
        tell(.update, now, attributes, origin: .kernel)
    }

    private func open(_ packet: Packet) -> Passage {
        let original = packet.flow.original
        if let old = entry(of: original) {
            guard old.flow.original == original, old.flow.isClosing else { return .refused }
            // A SYN on a closing tuple: the tracker drops the old entry and begins anew.
            kill(original)
        }
        guard count < limit else { return .refused }
        var flow = packet.flow
        if let address = packet.sourceNAT {
            flow.reply.destination = address
            flow.status.formUnion([.sourceNAT, .sourceNATDone, .destinationNATDone])
            for _ in 0..<64 {
                flow.reply.destinationKey = UInt16.random(in: 1_024...(.max), using: &generator)
                if entry(of: flow.reply) == nil { break }
            }
        }
        guard isFree(flow) else { return .refused }
        insert(flow, timeout: timeouts.fullTimeout(of: flow)) { entry in
            entry.lastPacket = self.clock.now
            entry.window = packet.position
        }
        if let entry = entry(original: original) {
            let attributes: FlowAttributes = flow.tcp == nil ? [] : [.protocolState, .protocolDetails]
            tell(
                .new, entry, attributes.union([.reply, .status, .timeout, .mark, .master]), origin: .kernel)
        }
        return .opened(flow)
    }
}
