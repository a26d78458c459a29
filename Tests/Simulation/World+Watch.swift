internal import Conntrack
internal import Engine
internal import StateMachine

/// What must hold all the time, looked at again and again.
extension World {
    /// How long a master may lack a flow that its kernel has: a dump finds it.
    private static let lackLimit = Instant.Span.seconds(3)
    /// So long after a refused write a commit may still be tried again.
    private static let retrySpan = Instant.Span.seconds(6)
    /// No datagram is on its way for so long.
    private static let flightSpan = Instant.Span.milliseconds(600)

    /// Whether the world is looked at all the time.
    var isWatched: Bool { setup.watchInterval != nil }

    /// Looks at all caches and all tables.
    func lookAtAll() {
        guard let interval = setup.watchInterval else { return }
        watched.next = clock.now + interval
        let peak = nodes.map(\.kernel.peak).max() ?? 0
        var alive: Set<UInt32> = []
        var sights: [Watched.Sight?] = []
        for node in nodes {
            for case let entry? in node.kernel.entries { alive.insert(Connection.number(of: entry.flow.mark)) }
            guard let report = node.report(at: clock.now) else {
                sights.append(nil)
                continue
            }
            checkMemory(of: node, report, peak)
            var sight = Watched.Sight(run: node.run, role: report.role)
            node.visit(external: false) { sight.internalMarks[$0.original] = $0.mark }
            node.visit(external: true) { sight.externalMarks[$0.original] = $0.mark }
            for mark in sight.internalMarks.values { alive.insert(Connection.number(of: mark)) }
            watched.remember(&sight, of: node.index)
            sights.append(sight)
        }
        for node in nodes {
            guard var sight = sights[node.index], let before = watched.sights[node.index], before.run == sight.run,
                before.role == sight.role
            else { continue }
            if sight.role == "master" { checkMaster(node, &sight, before) }
            if sight.role == "backup" {
                watched.rememberGone(&sight, of: node.index)
                checkStandby(node, sight, sights, alive)
            }
            sights[node.index] = sight
        }
        watched.turn(to: sights, alive: alive, at: clock.now)
    }

    /// No queue and no cache outgrows what the kernels hold at once.
    private func checkMemory(of node: SimulatedNode, _ report: EngineReport, _ peak: Int) {
        let limit = 2 * peak + 1_000
        for (name, count) in [
            ("internal cache", report.internalFlows), ("external cache", report.externalFlows),
            ("former log", report.formerFlows),
        ] where count > limit {
            problem("\(node.name) has \(count) flows in its \(name), and no kernel had more than \(peak)")
        }
        if report.tombstones > limit + 8 * peak { problem("\(node.name) keeps \(report.tombstones) tombstones") }
    }

    /// A master has every flow that its kernel carries packets of, whatever expires elsewhere.
    private func checkMaster(_ node: SimulatedNode, _ sight: inout Watched.Sight, _ before: Watched.Sight) {
        guard node.holdsAddresses, node.pausedUntil <= watched.last else { return }
        let filter = node.filter
        for case let entry? in node.kernel.entries {
            guard let last = entry.lastPacket, last >= node.addressesSince,
                sight.internalMarks[entry.flow.original] == nil, filter.verdict(entry.flow) == .replicated
            else { continue }
            let since = before.missing[entry.serial] ?? clock.now
            sight.missing[entry.serial] = since
            guard clock.now.since(since) >= Self.lackLimit, watched.last.since(since) < Self.lackLimit else { continue }
            problem("\(node.name) is master and has lost \(entry.flow.text), which its kernel carries")
        }
    }

    /// What a standby holds is not undone by what is older.
    private func checkStandby(
        _ node: SimulatedNode, _ sight: Watched.Sight, _ sights: [Watched.Sight?], _ alive: Set<UInt32>
    ) {
        // Who stood still takes in what is old, and then what is new.
        guard node.pausedUntil <= watched.last, network.inboxes[node.index].isEmpty else { return }
        let verdict = watched.judge(sight, of: node.index, among: sights, alive: alive)
        for text in verdict.returned { problem("\(node.name) \(text)") }
        // What a new master holds counts, even if it is older than what the last one told.
        guard rolesChangedAt + Self.flightSpan <= watched.last else { return }
        // Nor is a new master done whose kernel refuses what it writes.
        guard !nodes.contains(where: { clock.now.since($0.kernel.refusedAt) < Self.retrySpan }) else { return }
        for text in verdict.outdated { problem("\(node.name) \(text)") }
    }
}
