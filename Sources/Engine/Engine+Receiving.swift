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
        /// Not admitted without a standing.
        case interval(LogInterval, Standing?)
        case page(RecallPage)
    }

    /// Takes in the datagrams that wait.
    mutating func takeDatagrams(at now: Instant) {
        guard var batch = incoming.take() else { preconditionFailure("the batch is only away during this call") }
        batch.removeAll()
        link.receive(into: &batch)
        for index in 0..<batch.count {
            let source = batch.source(of: index)
            batch.withDatagram(index) { bytes in takeDatagram(bytes, from: source, at: now) }
        }
        incoming = consume batch
        // A bulk that waits for the word on its part may wait for a datagram that never comes.
        if peer?.receiving.phase == .filled { endBulkIfFilled(at: now) }
    }

    private mutating func takeDatagram(_ bytes: borrowing RawSpan, from source: UInt64, at now: Instant) {
        var reader: DatagramReader
        do { reader = try DatagramReader(bytes) } catch { return counters.count(EngineCounter(error)) }
        guard meetPeer(reader.header, from: source, at: now) else { return }
        var context = Context.none
        while true {
            do {
                guard let message = try reader.next(bytes) else { break }
                take(message, &context, reader.header, at: now)
            } catch {
                counters.count(EngineCounter(error))
            }
        }
        counters.count(.messageUnknownKind, by: reader.unknownKinds)
        switch context {
        case .interval(let interval, .some):
            peer?.receiving.covered(
                lane: .init(interval.lane), .init(from: interval.from, to: interval.to), at: now)
        case .page(let page):
            endRecallPage(page, at: now)
        case .none, .interval:
            break
        }
        endBulkIfFilled(at: now)
        compareDigests(at: now)
    }

    // MARK: The peer

    /// Whether a datagram's messages are to be read; makes the peer's acquaintance if need be.
    private mutating func meetPeer(_ header: DatagramHeader, from source: UInt64, at now: Instant) -> Bool {
        guard header.sender != settings.sender else {
            counters.count(.datagramOwn)
            if header.incarnation != settings.incarnation, counters[.datagramOwn] == 1 { notices.append(.sameName) }
            return false
        }
        if let known = peer, known.sender != header.sender, !known.isSilent {
            counters.count(.datagramBeyondPeers)
            return false
        }
        if peer?.sender != header.sender || peer?.incarnation != header.incarnation {
            if let known = peer, known.sender == header.sender, header.incarnation < known.incarnation, !known.isSilent
            {
                counters.count(.datagramOldIncarnation)
                return false
            }
            beginPeer(header, from: source, at: now)
        }
        let arrival = peer?.receiving.arrived(sequence: header.sequence) ?? .jump
        guard arrival != .jump else {
            counters.count(.datagramJump)
            return false
        }
        let wasSilent = peer?.isSilent == true
        peer?.lastHeard = now
        peer?.isSilent = false
        peer?.hasLeft = false
        peer?.source = source
        // A datagram that was overtaken speaks of a role that may be over.
        guard arrival == .newest else { return true }
        if wasSilent {
            hearRole(header, at: now)
            notices.append(.peerReturned(name: peer?.name ?? ""))
            recallIfUnsynced(at: now)
        }
        hear(header, at: now)
        if header.role == .master {
            if !tracks { peer?.wasSyncedMaster = header.inSync }
        } else if peer?.receiving.isFollowing != true {
            peer?.wasSyncedMaster = false
        }
        return true
    }

    private mutating func beginPeer(_ header: DatagramHeader, from source: UInt64, at now: Instant) {
        // Until its greeting comes it goes by its number.
        var name = "node-" + String(header.sender, radix: 16)
        var isNamed = false
        if let known = peer {
            if known.sender == header.sender { (name, isNamed) = (known.name, known.isNamed) }
            known.sending.close(&log)
            perform(roles.peerLost(UInt64(known.sender), at: now), at: now)
        }
        // What the former log had not sent, nobody waits for any more: a new incarnation begins with a bulk.
        era += 1
        digests = DigestExchange()
        peer = Peer(
            sender: header.sender, name: name, incarnation: header.incarnation, role: header.role, term: header.term,
            inSync: header.inSync, lastHeard: now, source: source,
            sending: SendingSession(log: &log, bulk: bulkNumber, sequence: sequence, at: now),
            receiving: ReceivingSession(incarnation: header.incarnation, era: era, at: now))
        peer?.isNamed = isNamed
        if !settings.startupResync { peer?.receiving.delayRequest() }
        purge.lostSync()
        _ = readiness.lostSync(at: now)
        hearRole(header, at: now)
        helloDue = now
        if isNamed { notices.append(.peerAppeared(name: name, incarnation: header.incarnation)) }
        recallIfUnsynced(at: now)
    }

    /// A master that was promoted without its predecessor's flows asks whoever appears for them.
    private mutating func recallIfUnsynced(at now: Instant) {
        if !announcesInSync, recallJob == nil { recallDue = now }
    }

    private mutating func hear(_ header: DatagramHeader, at now: Instant) {
        guard let known = peer,
            known.role != header.role || known.term != header.term || known.inSync != header.inSync
        else { return }
        peer?.inSync = header.inSync
        hearRole(header, at: now)
        if known.role != header.role {
            heartbeatDue = now
            // A master that stepped down may have announced flows late: they are adopted where both tuples are free.
            if known.role.claimsMastership, !header.role.claimsMastership { adoptExternal(at: now) }
        }
    }

    private mutating func hearRole(_ header: DatagramHeader, at now: Instant) {
        peer?.role = header.role
        peer?.term = header.term
        let number = UInt64(header.sender)
        perform(
            header.role.claimsMastership
                ? roles.peerClaimsMaster(number, term: header.term, at: now)
                : roles.peerIsNotMaster(number, term: header.term, at: now), at: now)
    }

    // MARK: Messages

    private mutating func take(
        _ message: Message, _ context: inout Context, _ header: DatagramHeader, at now: Instant
    ) {
        switch message {
        case .hello(let hello):
            peer?.name = hello.name
            external.setDigestKey(hello.digestKey)
            peer?.lowestVersion = hello.lowestVersion
            peer?.highestVersion = hello.highestVersion
            guard peer?.isNamed == false else { return }
            peer?.isNamed = true
            notices.append(.peerAppeared(name: hello.name, incarnation: header.incarnation))
        case .progress(let progress):
            peer?.receiving.progress(
                sent: progress.sentVersion, bulk: progress.bulk, bulkEnd: progress.bulkEnd,
                bulkSent: progress.bulkSent, isPartial: progress.isPartial, sequence: header.sequence, at: now)
            if peer?.receiving.isDeceived == true { beginSessionAnew(at: now) }
        case .interval(let interval):
            let isAdmitted =
                peer?.receiving.admits(
                    lane: .init(interval.lane), bulk: interval.bulk, .init(from: interval.from, to: interval.to),
                    at: now) ?? false
            context = .interval(interval, isAdmitted ? peer.map(Standing.init) : nil)
        case .recallPage(let page):
            context = .page(page)
        case .flow(let told):
            switch context {
            case .interval(_, let standing?): takeFlow(told, standing)
            case .interval: counters.count(.peerFlowStale)
            case .page(let page): takeRecalled(told.flow, page)
            case .none: break
            }
        case .destroy(let told):
            guard case .interval(_, let standing?) = context else { return counters.count(.peerFlowStale) }
            takeDestroy(told, standing)
        case .expectation(let told):
            switch context {
            case .interval(_, let standing?): takeExpectation(told, standing)
            case .interval: counters.count(.peerFlowStale)
            case .page(let page): takeRecalledExpectation(told.expectation, page)
            case .none: break
            }
        case .expectationDestroy(let told):
            guard case .interval(_, let standing?) = context else { return counters.count(.peerFlowStale) }
            takeExpectationDestroy(told, standing)
        case .facts(let told):
            peer?.facts = told
            peer?.factsAt = now
        case .acknowledgement(let told):
            takeAcknowledgement(told, at: now)
        case .bulkRequest(let request):
            takeBulkRequest(request, at: now)
        case .recallRequest(let request):
            pendingRecallPage = request
        case .farewell:
            peer?.hasLeft = true
        case .marker(let told):
            takeMarker(told, at: now)
        case .bucketDigests(let told):
            takeBucketDigests(told)
        case .bulkBuckets(let told):
            peer?.receiving.takeBuckets(of: told.bulk, from: Int(told.place), told.words)
        }
    }

    /// Receives all of the peer's log once more; what the cache holds by now gives way to it.
    private mutating func beginSessionAnew(at now: Instant) {
        guard let known = peer else { return }
        era += 1
        counters.count(.sessionsDeceived)
        peer?.receiving = ReceivingSession(incarnation: known.incarnation, era: era, at: now)
    }

    private mutating func takeFlow(_ told: FlowMessage, _ standing: Standing) {
        guard told.version > standing.gapFree else { return counters.count(.peerFlowStale) }
        let isFiltered = settings.filter.verdict(told.flow) != .replicated
        if isFiltered { counters.count(.peerFlowFiltered) }
        let original = told.flow.original
        if let held = log.entry(of: original), held.state != .tombstone {
            // A master knows its flows better than a node that is none; a local flow is nobody's copy.
            if tracks, !standing.claimsMastership { return counters.count(.peerFlowIgnored) }
            if !tracks, !held.traits.contains(.seenNew) { log.forget(original) }
        }
        let repairs = isRepair(told.version)
        let outdated = repairs ? external.entry(of: original) : nil
        let outcome = external.apply(
            told.flow, version: told.version, era: standing.era, bulk: standing.bulk, isFiltered: isFiltered)
        if repairs, outcome == .updated || outcome == .inserted {
            noteRepair(of: told.flow, outdated.map { told.flow.differences(from: $0.flow) } ?? .all)
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

    private mutating func takeDestroy(_ told: DestroyMessage, _ standing: Standing) {
        guard told.version > standing.gapFree else { return counters.count(.peerFlowStale) }
        if external.delete(told.original, version: told.version, era: standing.era) == .removed {
            counters.count(.externalDestroyed)
        }
    }

    private mutating func takeAcknowledgement(_ told: Acknowledgement, at now: Instant) {
        guard told.incarnation == settings.incarnation else { return }
        let holes = told.holes.map { Coverage.Interval(from: $0.from, to: $0.to) }
        peer?.sending.acknowledge(
            version: told.gapFree, bulk: told.bulk, sequence: told.sequence, ofSent: sequence, holes: holes, at: now)
        guard let sending = peer?.sending else { return }
        if sending.acknowledgedBulk == sending.bulk {
            dropTombstones(upTo: sending.acknowledgedVersion)
        }
    }

    /// Drops the tombstones that nobody needs: the peer knows them, and no dump under way may contradict them.
    mutating func dropTombstones(upTo version: UInt64) {
        log.dropTombstones(
            upTo: min(version, resyncJob?.startVersion ?? .max), limit: Self.eventsPerTurn * 4)
    }

    // MARK: The end of a bulk

    private mutating func endBulkIfFilled(at now: Instant) {
        guard let known = peer else { return }
        let (gapFree, era) = (known.receiving.gapFree, known.receiving.era)
        external.forgetDeletes(upTo: gapFree, era: era, limit: Self.eventsPerTurn)
        externalExpectations.forgetDeletes(upTo: gapFree, era: era, limit: Self.eventsPerTurn)
        guard known.receiving.phase == .filled else { return }
        let maySweep = known.isSyncedMaster && !tracks
        peer?.receiving.endBulk(maySweep: maySweep, at: now)
        sweptFlows = 0
        if peer?.receiving.isFollowing == true { bulkEnded(at: now) }
    }

    /// Whether a sweep of the external cache is under way.
    var hasSweep: Bool {
        guard case .sweeping? = peer?.receiving.phase else { return false }
        return true
    }

    /// Removes from the external cache what a synced master's bulk did not name.
    mutating func continueSweep(at now: Instant) {
        guard let session = peer?.receiving, case .sweeping(let first) = session.phase else { return }
        let end = min(external.slotLimit, first + Self.slotsPerTurn)
        for slot in first..<max(first, end)
        where external.isSwept(at: slot, era: session.era, bulk: session.bulk, bulkEnd: session.bulkEnd) {
            guard let flow = external.entry(at: slot)?.flow else { continue }
            if let sent = session.bulkBuckets, let sums = external.digests,
                !sent.contains(sums.bucket(of: flow.original))
            {
                external.confirm(at: slot, era: session.era, bulk: session.bulk)
                continue
            }
            if digests.isRepairing { noteRepair(of: flow, .all) }
            external.remove(at: slot)
            sweptFlows += 1
        }
        let isDone = end >= external.slotLimit
        peer?.receiving.swept(to: isDone ? nil : end)
        guard isDone else { return }
        sweepExpectations(session)
        counters.count(.flowsSwept, by: sweptFlows)
        bulkEnded(at: now)
    }

    private mutating func bulkEnded(at now: Instant) {
        guard let peer else { return }
        counters.count(.bulksReceived)
        notices.append(.bulkReceived(flows: external.count, swept: sweptFlows))
        if peer.role == .master { purge.bulkEnded(ofTerm: peer.term, wasInSync: peer.inSync) }
        _ = readiness.synced(at: now)
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
