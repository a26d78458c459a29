internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// What the flows of a datagram belong to.
    private enum Context {
        case none
        case interval(LogInterval, Reading)
        case page(RecallPage)
    }

    /// What becomes of the flows of an interval.
    private enum Reading {
        case applied(Standing)
        /// Another node leads, and what counts is that one's to tell.
        case outranked
        case notAdmitted
    }

    /// Takes in the datagrams that wait.
    mutating func takeDatagrams(at now: Instant) {
        guard var batch = incoming.take() else { preconditionFailure("the batch is only away during this call") }
        batch.removeAll()
        link.receive(into: &batch)
        for index in 0..<batch.count {
            let (source, number) = (batch.source(of: index), batch.link(of: index))
            batch.withDatagram(index) { bytes in takeDatagram(bytes, from: source, over: number, at: now) }
        }
        incoming = consume batch
        // A bulk that waits for the word on its part may wait for a datagram that never comes.
        for place in peers.indices where peers[place].receiving.phase == .filled { endBulkIfFilled(of: place, at: now) }
    }

    private mutating func takeDatagram(
        _ bytes: borrowing RawSpan, from source: UInt64, over number: UInt8, at now: Instant
    ) {
        var reader: DatagramReader
        do { reader = try DatagramReader(bytes, speaking: settings.wireVersions) } catch {
            return counters.count(EngineCounter(error))
        }
        guard let place = meetPeer(reader.header, from: source, over: number, at: now) else { return }
        var context = Context.none
        while true {
            do {
                guard let message = try reader.next(bytes) else { break }
                take(message, &context, reader.header, from: place, over: number, at: now)
            } catch {
                counters.count(EngineCounter(error))
            }
        }
        counters.count(.messageUnknownKind, by: reader.unknownKinds)
        switch context {
        case .interval(_, .notAdmitted), .none:
            break
        case .interval(let interval, _):
            peers[place].receiving.covered(
                lane: .init(interval.lane), .init(from: interval.from, to: interval.to), at: now)
        case .page(let page):
            endRecallPage(page, from: place, at: now)
        }
        endBulkIfFilled(of: place, at: now)
    }

    // MARK: Messages

    private mutating func take(
        _ message: Message, _ context: inout Context, _ header: DatagramHeader, from place: Int, over number: UInt8,
        at now: Instant
    ) {
        switch message {
        case .hello(let hello):
            takeHello(hello, header, from: place)
        case .probe(let probe):
            takeProbe(probe, from: place, over: number, at: now)
        case .progress(let progress):
            takeProgress(progress, header, from: place, at: now)
        case .interval(let interval):
            peers[place].answerLink = number
            let isAdmitted = peers[place].receiving.admits(
                lane: .init(interval.lane), bulk: interval.bulk, .init(from: interval.from, to: interval.to), at: now)
            context = .interval(
                interval,
                !isAdmitted ? .notAdmitted : isOutranked(place) ? .outranked : .applied(Standing(peers[place])))
        case .recallPage(let page):
            context = .page(page)
        case .flow(let told):
            if case .page(let page) = context { return takeRecalled(told.flow, page) }
            if let standing = standing(in: context) { takeFlow(told, standing, from: place) }
        case .destroy(let told):
            if let standing = standing(in: context) { takeDestroy(told, standing, from: place) }
        case .expectation(let told):
            if case .page(let page) = context { return takeRecalledExpectation(told.expectation, page) }
            if let standing = standing(in: context) { takeExpectation(told, standing) }
        case .expectationDestroy(let told):
            if let standing = standing(in: context) { takeExpectationDestroy(told, standing) }
        case .facts(let told):
            peers[place].facts = told
            peers[place].factsAt = now
        case .acknowledgement(let told):
            takeAcknowledgement(told, from: place, at: now)
        case .bulkRequest(let request):
            takeBulkRequest(request, from: place, at: now)
        case .recallRequest(let request):
            peers[place].recallRequest = request
            peers[place].wantsControl = true
        case .farewell:
            peers[place].hasLeft = true
        case .marker(let told):
            takeMarker(told, from: place, sequence: header.sequence, at: now)
        case .bucketDigests(let told):
            takeBucketDigests(told, from: place)
        case .bulkBuckets(let told):
            peers[place].receiving.takeBuckets(of: told.bulk, from: Int(told.place), told.words)
        }
    }

    /// With what right a message of this context is applied; nil, and counted, if it is not.
    private mutating func standing(in context: Context) -> Standing? {
        switch context {
        case .interval(_, .applied(let standing)): return standing
        case .interval(_, .outranked): counters.count(.peerFlowIgnored)
        case .interval(_, .notAdmitted), .none, .page: counters.count(.peerFlowStale)
        }
        return nil
    }

    private mutating func takeHello(_ hello: Hello, _ header: DatagramHeader, from place: Int) {
        peers[place].name = hello.name
        peers[place].digestKey = hello.digestKey
        peers[place].lowestVersion = hello.lowestVersion
        peers[place].highestVersion = hello.highestVersion
        followDigests(of: place)
        guard !peers[place].isNamed else { return }
        peers[place].isNamed = true
        notices.append(.peerAppeared(name: hello.name, incarnation: header.incarnation))
    }

    private mutating func takeProgress(
        _ progress: Progress, _ header: DatagramHeader, from place: Int, at now: Instant
    ) {
        peers[place].receiving.progress(
            sent: progress.sentVersion, bulk: progress.bulk, bulkEnd: progress.bulkEnd, bulkSent: progress.bulkSent,
            isPartial: progress.asker != nil, isForOther: progress.asker.map { $0 != settings.incarnation } ?? false,
            isHeld: progress.isHeld, shared: progress.sharedVersion,
            sequence: header.sequence, at: now)
        if peers[place].receiving.isDeceived { beginSessionAnew(with: place, at: now) }
    }

    private mutating func takeFlow(_ told: FlowMessage, _ standing: Standing, from place: Int) {
        guard told.version > standing.gapFree else { return counters.count(.peerFlowStale) }
        let isFiltered = settings.filter.verdict(told.flow) != .replicated
        if isFiltered { counters.count(.peerFlowFiltered) }
        let original = told.flow.original
        if let held = log.entry(of: original), held.state != .tombstone {
            // A master knows its flows better than a node that is none; a local flow is nobody's copy.
            if tracks, !standing.claimsMastership { return counters.count(.peerFlowIgnored) }
            if !tracks, !held.traits.contains(.seenNew) { log.forget(original) }
        }
        let repairs = told.version <= standing.repairedUpTo
        let outdated = repairs ? external.entry(of: original) : nil
        let outcome = external.apply(
            told.flow, version: told.version, origin: standing.origin, bulk: standing.bulk, isFiltered: isFiltered)
        if repairs, outcome == .updated || outcome == .inserted {
            noteRepair(of: told.flow, outdated.map { told.flow.differences(from: $0.flow) } ?? .all, from: place)
        }
        switch outcome {
        case .inserted:
            counters.count(.externalCreated)
            commitJob?.isOvertaken = true
            if !standing.claimsMastership { wantsAdoption = true }
        case .updated:
            counters.count(.externalUpdated)
            commitJob?.isOvertaken = true
        case .full: counters.count(.externalFull)
        case .stale, .removed, .unknown: counters.count(.peerFlowStale)
        }
    }

    /// Whether another node leads, as a master that is heard.
    ///
    /// What a former master says late is the leader's to adopt, and what two masters say at a time is not to be mixed:
    /// this node has told the leader what it holds, and must not change behind its words.
    private func isOutranked(_ place: Int) -> Bool {
        guard !tracks, let leader = leaderPlace, leader != place else { return false }
        return peers[leader].role == .master && !peers[leader].isSilent
    }

    private mutating func takeDestroy(_ told: DestroyMessage, _ standing: Standing, from place: Int) {
        guard told.version > standing.gapFree else { return counters.count(.peerFlowStale) }
        // What this node announced before is not to be taken for alive on this word's account.
        if leads(place) { former?.mark(.ended, of: told.original) }
        let copy = external.heldCopy(of: told.original).flatMap { external.entry(at: $0)?.flow }
        if external.delete(told.original, version: told.version, origin: standing.origin) == .removed {
            counters.count(.externalDestroyed)
            if let copy { deleteCopy(copy) }
        }
    }

    private mutating func takeAcknowledgement(_ told: Acknowledgement, from place: Int, at now: Instant) {
        guard told.incarnation == settings.incarnation else { return }
        let holes = told.holes.map { Coverage.Interval(from: $0.from, to: $0.to) }
        let before = (peers[place].sending.acknowledgedBulk, peers[place].sending.acknowledgedVersion)
        peers[place].sending.acknowledge(
            version: told.gapFree, bulk: told.bulk, sequence: told.sequence, ofSent: sequence, holes: holes, at: now)
        let sending = peers[place].sending
        if (sending.acknowledgedBulk, sending.acknowledgedVersion) != before { peers[place].progressAt = now }
        // Who is away may come back and need what was destroyed meanwhile.
        dropTombstones(upTo: peers.reduce(.max) { min($0, $1.sending.knownVersion) })
    }

    /// Drops the tombstones that nobody needs: the peer knows them, and no dump under way may contradict them.
    mutating func dropTombstones(upTo version: UInt64) {
        log.dropTombstones(
            upTo: min(version, resyncJob?.startVersion ?? .max), limit: Self.eventsPerTurn * 4)
    }

    // MARK: The end of a bulk

    private mutating func endBulkIfFilled(of place: Int, at now: Instant) {
        let (gapFree, origin) = (peers[place].receiving.gapFree, peers[place].receiving.origin)
        external.forgetDeletes(upTo: gapFree, origin: origin, limit: Self.eventsPerTurn)
        externalExpectations.forgetDeletes(
            upTo: gapFree, origin: peers[place].expectationOrigin, limit: Self.eventsPerTurn)
        guard peers[place].receiving.phase == .filled else { return }
        let maySweep = peers[place].isSyncedMaster && leads(place) && !tracks
        peers[place].receiving.endBulk(maySweep: maySweep, at: now)
        sweptFlows = 0
        confirmSlot = 0
        if peers[place].receiving.isFollowing { bulkEnded(of: place, at: now) }
    }

    /// The peer whose bulk has ended and is being swept for.
    private var sweepingPlace: Int? {
        peers.firstIndex { if case .sweeping = $0.receiving.phase { true } else { false } }
    }

    /// Whether a sweep of the external cache is under way.
    var hasSweep: Bool { sweepingPlace != nil }

    /// Removes from the external cache what a synced master's bulk did not name.
    mutating func continueSweep(at now: Instant) {
        guard let place = sweepingPlace else { return }
        // What another tells counts by now.
        guard leads(place), !tracks else { return peers[place].receiving.stopSweep() }
        let session = peers[place].receiving
        guard case .sweeping(let first) = session.phase else { return }
        let (sent, key) = (session.bulkBuckets, peers[place].digestKey)
        if let sent, let key, first == 0, !confirmFormer(session, sent, key: key) { return }
        let end = min(external.slotLimit, first + Self.slotsPerTurn)
        for slot in first..<max(first, end)
        where external.isSwept(at: slot, origin: session.origin, bulk: session.bulk, bulkEnd: session.bulkEnd) {
            guard let flow = external.entry(at: slot)?.flow else { continue }
            if let sent, let key, !sent.contains(DigestTable.bucket(of: flow.original, key: key)) {
                external.confirm(at: slot, origin: session.origin, bulk: session.bulk)
                continue
            }
            if peers[place].proof.isRepairing { noteRepair(of: flow, .all, from: place) }
            if external.holdsCopy(at: slot) { deleteCopy(flow) }
            external.remove(at: slot)
            sweptFlows += 1
        }
        let isDone = end >= external.slotLimit
        peers[place].receiving.swept(to: isDone ? nil : end)
        guard isDone else { return }
        sweepExpectations(session, peers[place].expectationOrigin)
        counters.count(.flowsSwept, by: sweptFlows)
        bulkEnded(of: place, at: now)
    }

    private mutating func bulkEnded(of place: Int, at now: Instant) {
        counters.count(.bulksReceived)
        notices.append(
            .bulkReceived(
                flows: external.count, swept: sweptFlows, from: peers[place].name,
                buckets: peers[place].receiving.bulkBuckets?.count))
        guard leads(place) else { return }
        if peers[place].role == .master {
            purge.bulkEnded(ofTerm: peers[place].term, wasInSync: peers[place].inSync)
        }
        publish(readiness.synced(at: now))
    }
}

extension SendingSession.LaneName {
    /// The session's word for a lane of the wire.
    init(_ lane: Lane) {
        switch lane {
        case .live: self = .live
        case .backfill: self = .backfill
        case .repair: self = .repair
        }
    }
}

extension Lane {
    /// The wire's word for a lane of the session.
    init(_ lane: SendingSession.LaneName) {
        switch lane {
        case .live: self = .live
        case .backfill: self = .backfill
        case .repair: self = .repair
        }
    }
}

extension EngineCounter {
    /// The counter of a refused datagram.
    init(_ refusal: DatagramRefusal) {
        switch refusal {
        case .truncated: self = .datagramTruncated
        case .foreign: self = .datagramForeign
        case .version: self = .datagramVersion
        case .flags: self = .datagramFlags
        case .key: self = .datagramKey
        }
    }

    /// The counter of a refused message.
    init(_ refusal: MessageRefusal) {
        switch refusal {
        case .truncated: self = .messageTruncated
        case .number: self = .messageNumber
        case .flags: self = .messageFlags
        case .place: self = .messagePlace
        case .tcpState: self = .messageTcpState
        case .windowScale: self = .messageWindowScale
        case .master: self = .messageMaster
        case .timeout: self = .messageTimeout
        case .status: self = .messageStatus
        case .name: self = .messageName
        case .sctpState: self = .messageSctpState
        case .dccpState: self = .messageDccpState
        case .foreignState: self = .messageForeignState
        case .kernelName: self = .messageKernelName
        case .labels: self = .messageLabels
        case .key: self = .messageKey
        case .family: self = .messageFamily
        }
    }
}
