internal import Conntrack
internal import Engine
public import StateMachine

/// What must hold.
extension World {
    /// What a standby needs to know of a flow.
    struct Essence: Equatable {
        let reply: Tuple
        let master: Tuple?
        let status: FlowStatus
        let mark: UInt32
        let tcp: TCPInfo?

        init(_ flow: Flow) {
            reply = flow.reply
            master = flow.master
            status = flow.status.intersection(.replicated)
            mark = flow.mark
            var told = flow.tcp
            told?.originalFlags.formIntersection(.replicated)
            told?.replyFlags.formIntersection(.replicated)
            tcp = told
        }
    }

    /// Lets time pass with frozen traffic until both nodes hold the same; notes what differs if they never do.
    @discardableResult
    public func settle(within span: Instant.Span = .seconds(10)) -> Bool {
        traffic.freeze()
        defer { traffic.thaw() }
        // Twice, so that what comes late cannot undo it.
        for pause in [Instant.Span.milliseconds(0), .seconds(2)] {
            run(for: pause)
            let started = clock.now
            if !run(atMost: span, until: { differences().isEmpty }) {
                for difference in differences() { problem("not settled: \(difference)") }
                return false
            }
            note("settled after \(clock.now.since(started).milliseconds) ms")
        }
        return true
    }

    /// Why the nodes do not hold the same, a few reasons at most.
    public func differences() -> [String] {
        guard let owner else { return ["nobody holds the addresses"] }
        let (master, standby) = (nodes[owner], nodes[1 - owner])
        var found: [String] = []
        if master.role != "master" { found.append("\(master.name) is \(master.role)") }
        if standby.role != "backup" { found.append("\(standby.name) is \(standby.role)") }
        let tracked = master.flows(external: false)
        compare(master.kernelFlows, tracked, "\(master.name)'s kernel and internal cache", &found)
        compare(tracked, standby.flows(external: true), "\(master.name) and \(standby.name)", &found)
        guard let report = standby.engine?.report(at: clock.now) else { return found + ["\(standby.name) is gone"] }
        if !report.inSync { found.append("\(standby.name) is not in sync") }
        return found
    }

    private func compare(_ left: [Tuple: Flow], _ right: [Tuple: Flow], _ names: String, _ found: inout [String]) {
        var different: [String] = []
        for (original, flow) in left {
            guard let other = right[original] else {
                different.append("\(flow.text) is missing")
                continue
            }
            if Essence(flow) != Essence(other) { different.append("\(flow.text) is \(other.text), \(flow), \(other)") }
        }
        for (original, flow) in right where left[original] == nil { different.append("\(flow.text) is too many") }
        for difference in different.sorted().prefix(3) { found.append("\(names): \(difference)") }
        if different.count > 3 { found.append("\(names): \(different.count) in all") }
    }

    // MARK: Takeovers

    /// Remembers what a node that is in sync holds of live connections when the traffic comes to it.
    func expectTakeover(by node: SimulatedNode) {
        node.expected.removeAll()
        guard node.role == "backup", let report = node.engine?.report(at: clock.now), report.inSync else { return }
        let held = node.flows(external: true)
        for (index, connection) in traffic.connections.enumerated() where connection.isLive {
            guard let flow = held[connection.flow.original], flow.status.contains(.assured), !flow.isClosing,
                flow.reply == connection.flow.reply
            else { continue }
            node.expected.append(index)
        }
        note("\(node.name) is in sync and holds \(node.expected.count) live connections")
    }

    /// Looks for them in the kernel when the takeover has ended.
    func checkTakeover(of node: SimulatedNode) {
        defer { node.expected.removeAll() }
        guard owner == node.index else { return }
        // What a full table refuses is the operator's to cure.
        guard node.report(at: clock.now)?.counters[.commitTableFull] == 0 else { return }
        var missing = 0
        for index in node.expected {
            let connection = traffic.connections[index]
            guard connection.isLive else { continue }
            let flow = connection.flow
            guard let entry = node.kernel.entry(original: flow.original) else {
                // While there were two masters another flow was given the same port.
                if node.kernel.entry(of: flow.reply) != nil { continue }
                missing += 1
                if missing <= 3 { problem("\(node.name) took over without \(flow.text)") }
                continue
            }
            if entry.flow.reply != flow.reply {
                problem("\(node.name) translates \(flow.text) as \(entry.flow.reply.text)")
            }
            let full = node.kernel.timeouts.fullTimeout(of: flow)
            // An entry that this node's own packets made goes on as it was.
            if entry.lastPacket == nil, entry.expires.since(clock.now) + .seconds(3) < .seconds(UInt64(full)) {
                problem("\(node.name) gives \(flow.text) too little time")
            }
        }
        if missing > 3 { problem("\(node.name) took over without \(missing) flows of \(node.expected.count)") }
    }

    /// Whether the tombstones of both logs are bounded by what changes in a while.
    public func checkMemory() {
        for node in nodes {
            guard let report = node.engine?.report(at: clock.now) else { continue }
            if report.tombstones > 20_000 { problem("\(node.name) keeps \(report.tombstones) tombstones") }
        }
    }
}

extension Instant.Span {
    static func + (left: Self, right: Self) -> Self { Self(nanoseconds: left.nanoseconds + right.nanoseconds) }
}

// MARK: - Writes

extension World: WriteWitness {
    func judge(_ write: FlowWrite, on kernel: SimulatedKernel, meeting entry: SimulatedKernel.Entry?) {
        guard let node = nodes.first(where: { $0.kernel === kernel }) else { return }
        let flow = write.flow
        kernel.trace(flow.original, "is asked for \(write.verb) of \(flow.text)")
        if node.filter.verdict(flow) == .own { problem("\(node.name) writes its own flow \(flow.text): \(write.verb)") }
        if let entry, node.filter.verdict(entry.flow) == .own {
            problem("\(node.name) touches its own flow \(entry.flow.text): \(write.verb)")
        }
        if write.verb == .create || write.verb == .replace, flow.tcp?.state == .established, !write.liberal {
            problem("\(node.name) makes \(flow.text) strict from the start")
        }
        pendingReplace = write.verb == .replace ? entry : nil
        if write.verb == .delete, let entry, isCarried(entry, by: node) {
            problem("\(node.name) deletes the live flow \(entry.flow.text)")
        }
    }

    func judge(_ write: FlowWrite, on kernel: SimulatedKernel, ended refusal: WriteRefusal?) {
        guard let entry = pendingReplace, let node = nodes.first(where: { $0.kernel === kernel }) else { return }
        pendingReplace = nil
        guard isCarried(entry, by: node) else { return }
        if let refusal { return problem("\(node.name) replaces \(entry.flow.text) by nothing: \(refusal)") }
        if write.flow.reply != entry.flow.reply {
            problem("\(node.name) replaces \(entry.flow.text) by another translation, \(write.flow.text)")
        }
    }

    /// Whether a node's entry carries packets of a live connection.
    private func isCarried(_ entry: SimulatedKernel.Entry, by node: SimulatedNode) -> Bool {
        guard owner == node.index, let last = entry.lastPacket, last >= node.addressesSince,
            let connection = traffic.carried(entry.flow.original)
        else { return false }
        return connection.isLive && connection.flow.reply == entry.flow.reply
    }
}
