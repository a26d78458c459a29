internal import Conntrack
internal import Engine
internal import StateMachine

/// What must hold at a takeover: a node that is in sync takes over without losing a live connection.
extension World {
    /// How long after a takeover whose writes were refused for a while all flows must be there.
    private static let retrySpan = Instant.Span.milliseconds(4_500)
    /// A kernel that refuses for longer makes all tries of a commit vain.
    private static let refusalSpan = Instant.Span.milliseconds(2_600)
    /// So long before a demotion an overrun may come of it.
    private static let overrunSpan = Instant.Span.seconds(2)

    /// A live connection that a node in sync held when the addresses came, and its mark then.
    struct Expected {
        let index: Int
        let mark: UInt32
    }

    /// A takeover whose flows are looked for once more.
    struct LaterLook {
        let node: Int
        let run: Int
        let term: UInt64
        let expected: [Expected]
        /// The commit was to be tried again.
        let isFailed: Bool
    }

    /// Remembers what a node that is in sync holds of live connections when the traffic comes to it.
    func expectTakeover(by node: SimulatedNode) {
        node.expected.removeAll()
        node.refusedBefore = node.kernel.refusedByChance
        node.highestTermBefore = nodes.compactMap { $0.report(at: clock.now)?.term }.max() ?? 0
        guard node.role == "backup", let report = node.engine?.report(at: clock.now), report.inSync else { return }
        let held = node.flows(external: true)
        for (index, connection) in traffic.connections.enumerated() where connection.isLive {
            guard let flow = held[connection.flow.original], flow.status.contains(.assured), !flow.isClosing,
                flow.reply == connection.flow.reply,
                // Not of an older connection of the same hosts and ports.
                flow.mark == 0 || !traffic.load.stamps || Connection.number(of: flow.mark) == UInt32(index + 1)
            else { continue }
            node.expected.append(.init(index: index, mark: flow.mark))
        }
        note("\(node.name) is in sync and holds \(node.expected.count) live connections")
    }

    /// Looks for them in the kernel when the takeover has ended.
    func checkTakeover(of node: SimulatedNode, isFailed: Bool) {
        defer { node.expected.removeAll() }
        guard node.holdsAddresses, let report = node.report(at: clock.now) else { return }
        // What the kernel refused for a while is written when it refuses no longer.
        guard node.kernel.refusedByChance == node.refusedBefore else {
            let look = LaterLook(
                node: node.index, run: node.run, term: report.term, expected: node.expected, isFailed: isFailed)
            return agenda.add(.lookAgain(look), at: clock.now + Self.retrySpan)
        }
        // What a full table refuses is the operator's to cure.
        guard report.counters[.commitTableFull] == 0 else { return }
        // What another master told meanwhile counts, even if it is older.
        guard report.term <= node.highestTermBefore + 1 else { return }
        checkKernel(of: node, for: node.expected, "took over")
        for expected in node.expected { checkState(of: expected, at: node) }
    }

    /// Looks for them again, if the node has been master all the time and its kernel took writes again in time.
    func take(_ look: LaterLook) {
        let node = nodes[look.node]
        guard node.holdsAddresses, node.run == look.run, let report = node.report(at: clock.now),
            report.term == look.term, report.role == "master", node.pausedUntil + Self.retrySpan <= clock.now,
            node.kernel.refusedAt + Self.retrySpan < clock.now + Self.refusalSpan
        else { return }
        checkKernel(of: node, for: look.expected, "is master", look.isFailed ? nil : .refusedWithinTolerance)
    }

    private func checkKernel(
        of node: SimulatedNode, for expected: [Expected], _ what: String, _ trouble: KnownTrouble? = nil
    ) {
        let trouble = trouble ?? excuse(of: node)
        var missing = 0
        for index in expected.map(\.index) {
            let connection = traffic.connections[index]
            guard connection.isLive else { continue }
            let flow = connection.flow
            guard let entry = node.kernel.entry(original: flow.original) else {
                if let other = node.kernel.entry(of: flow.reply) {
                    // While there were two masters another flow was given the same port, or it is of an earlier life.
                    if isStale(other, at: node) { forgiven.insert(index) }
                    continue
                }
                missing += 1
                if missing <= 3 { problem("\(node.name) \(what) without \(flow.text)", unless: trouble) }
                continue
            }
            guard entry.flow.reply != flow.reply else { continue }
            let isKnown = isStale(entry, at: node)
            if isKnown { forgiven.insert(index) }
            problem(
                "\(node.name) translates \(flow.text) as \(entry.flow.reply.text)",
                unless: isKnown ? .staleLocalFlow : excuse(of: node))
        }
        if missing > 3 {
            problem("\(node.name) \(what) without \(missing) flows of \(expected.count)", unless: trouble)
        }
    }

    /// What is known of a takeover: its agent stood still when the addresses came, or another node lost events just
    /// before that, or its kernel refused flows.
    func excuse(of node: SimulatedNode) -> KnownTrouble? {
        if node.pausedUntil > node.addressesSince { return .sleptThroughPromotion }
        let hasOverrun = nodes.contains { $0 !== node && $0.overranAt + Self.overrunSpan >= node.addressesSince }
        if hasOverrun { return .overrunAtDemotion }
        let hasRefused = nodes.contains { $0 !== node && $0.kernel.refusedAt + Self.retrySpan >= node.addressesSince }
        return hasRefused ? .refusedElsewhere : nil
    }

    private func checkState(of expected: Expected, at node: SimulatedNode) {
        let connection = traffic.connections[expected.index]
        let flow = connection.flow
        // An entry that this node's own packets made goes on as it was.
        guard connection.isLive, let entry = node.kernel.entry(original: flow.original), entry.lastPacket == nil,
            entry.flow.reply == flow.reply
        else { return }
        guard entry.flow.mark >= expected.mark || !traffic.load.stamps else {
            return problem(
                "\(node.name) held \(flow.text) with mark \(expected.mark), and makes it with \(entry.flow.mark)",
                unless: excuse(of: node))
        }
        let full = Instant.Span.seconds(UInt64(node.kernel.timeouts.fullTimeout(of: flow)))
        guard entry.expires.since(clock.now) + .seconds(3) < full else { return }
        problem("\(node.name) gives \(flow.text) too little time", unless: excuse(of: node))
    }

    // MARK: Entries of an earlier life

    /// Whether no packet has passed an entry since its node has the addresses.
    private func isStale(_ entry: SimulatedKernel.Entry, at node: SimulatedNode) -> Bool {
        entry.since < node.addressesSince && (entry.lastPacket ?? .origin) < node.addressesSince
    }

    /// Whether a flow meets such an entry of the node that has the addresses.
    private func meetsStale(_ flow: Flow) -> Bool {
        guard let owner else { return false }
        let entries = [flow.original, flow.reply].compactMap { nodes[owner].kernel.entry(of: $0) }
        return entries.contains { $0.flow.reply != flow.reply && isStale($0, at: nodes[owner]) }
    }

    /// Connections that broke since there were so many, and that should not have.
    func checkBroken(since before: Int) {
        for broken in traffic.broken.dropFirst(before) {
            let isKnown = forgiven.contains(broken.index) || meetsStale(traffic.connections[broken.index].flow)
            problem("broken by a handover in sync: \(broken.text)", unless: isKnown ? .staleLocalFlow : nil)
        }
    }
}
