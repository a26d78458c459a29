public import Conntrack
internal import Failover
internal import Replication
public import StateMachine
internal import SyncProtocol

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// What the engine can say of itself now.
    public mutating func report(at now: Instant) -> EngineReport {
        let (entries, limit) = kernel.occupancy()
        return EngineReport(
            role: roles.state.reportName, since: roles.since, source: reconciler.truth.source,
            roleKnown: reconciler.truth.isKnown, term: roles.terms.own, readiness: readiness.level,
            disagreement: reconciler.disagreement, twoMasters: roles.twoMasters, inSync: isInSync(at: now),
            announcesInSync: announcesInSync, wireVersions: settings.wireVersions, peers: describePeers(at: now),
            internalFlows: log.flowCount, externalFlows: external.count, externalIsFull: external.isFull,
            internalExpectations: log.expectationCount,
            externalExpectations: externalExpectations.count, formerFlows: former?.flowCount ?? 0,
            boundFlows: log.boundCount + external.boundCount, shortfall: shortfall, tombstones: log.tombstones,
            isHot: settings.isHot, copies: external.copies?.count ?? 0,
            refusedCopies: tracks ? 0 : copyRetry.met,
            kernelEntries: entries, kernelLimit: limit, commit: commitJob.map { ($0.written, $0.failed) },
            isDumping: resyncJob != nil && resyncJob?.purpose != .background,
            isRecalling: recallJob != nil, lastTakeover: lastTakeover, counters: counters)
    }

    /// Copies up to `limit` flows of a cache, from a slot on; returns where the next part begins, nil at the end.
    public func list(
        external lists: Bool, from first: UInt32, limit: Int, into lines: inout [ListedFlow]
    ) -> UInt32? {
        let end = lists ? external.slotLimit : log.slotLimit
        var slot = first
        var looked: UInt32 = 0
        while slot < end, lines.count < limit, looked < Self.slotsPerTurn {
            let flow: Flow? = lists ? external.entry(at: slot)?.flow : liveFlow(at: slot)
            if let flow { lines.append(ListedFlow(slot: slot, flow: flow)) }
            slot += 1
            looked += 1
        }
        return slot < end ? slot : nil
    }

    /// Copies up to `limit` expectations of a cache, from a slot on; returns where the next part begins, or nil.
    public func list(
        external lists: Bool, from first: UInt32, limit: Int, into lines: inout [Expectation]
    ) -> UInt32? {
        let end = lists ? externalExpectations.slotLimit : log.expectationSlotLimit
        var slot = first
        while slot < end, lines.count < limit {
            let entry = lists ? externalExpectations.entry(at: slot)?.subject : log.expectation(at: slot)
            if let entry { lines.append(entry) }
            slot += 1
        }
        return slot < end ? slot : nil
    }

    private func liveFlow(at slot: UInt32) -> Flow? {
        guard let entry = log.entry(at: slot), entry.state != .tombstone else { return nil }
        return entry.flow
    }

    private func describePeers(at now: Instant) -> [EngineReport.Peer] { peers.map { describe($0, at: now) } }

    private func describe(_ peer: Peer, at now: Instant) -> EngineReport.Peer {
        let sent = peer.sending.live.covered
        let acknowledged = peer.sending.acknowledgedBulk == peer.sending.bulk ? peer.sending.acknowledgedVersion : 0
        let used = Int(peer.links.used)
        return EngineReport.Peer(
            name: peer.name, source: peer.links.links[used].source, link: used,
            links: peer.links.links.indices.map { number in
                let link = peer.links.links[number]
                return .init(
                    lastHeard: link.heard == .origin ? nil : link.heard, isHeardThere: link.isHeardThere,
                    isUsable: peer.links.isUsable(UInt8(number), at: now), lossPerMille: link.lossPerMille)
            },
            role: peer.role.reportName, term: peer.term, isLeader: peer.sender == leader,
            isComplete: peer.receiving.isComplete, isFollowing: peer.receiving.isFollowing,
            missing: peer.receiving.lag, isAcknowledged: peer.sending.isAcknowledged,
            unacknowledged: sent - min(acknowledged, sent), lastHeard: peer.lastHeard, isSilent: peer.isSilent,
            hasLeft: peer.hasLeft, saysInSync: peer.inSync,
            lowestVersion: peer.lowestVersion > 0 ? peer.lowestVersion : nil,
            highestVersion: peer.highestVersion > 0 ? peer.highestVersion : nil, facts: peer.facts,
            factsAt: peer.factsAt, lostDatagrams: peer.links.lost,
            digest: peer.proof.comparison.map { ($0.local, $0.remote, $0.version, $0.equalAt) })
    }
}

extension DatagramHeader.Role {
    /// The name in reports.
    var reportName: String {
        switch self {
        case .starting: "starting"
        case .backup: "backup"
        case .takingOver: "taking-over"
        case .master: "master"
        case .fault: "fault"
        }
    }
}
