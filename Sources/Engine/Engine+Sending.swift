internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Begins a bulk: the whole internal cache goes out once more, beside what changes meanwhile.
    ///
    /// Of flows in buckets beside `buckets` the peer has shown that it holds the same.
    mutating func beginBulk(only buckets: BucketSet? = nil, at now: Instant) {
        guard peer != nil else { return }
        peer?.sending.beginBulk(&log, only: buckets, at: now)
        bulkNumber = peer?.sending.bulk ?? bulkNumber
        counters.count(.bulksSent)
        wantsControlDatagram = true
    }

    /// Sends what is due: control messages, then what the walks of the log still have, as far as the window allows.
    mutating func send(at now: Instant) {
        outgoing.removeAll()
        sendControl(at: now)
        if let request = pendingRecallPage {
            pendingRecallPage = nil
            sendRecallPages(request, at: now)
        }
        sendFlows(at: now)
        sendMarker(at: now)
        if outgoing.count > 0 { link.send(outgoing) }
    }

    /// When something is left to send later, or `never`.
    func nextSend(after now: Instant) -> Instant {
        guard let peer, !peer.isSilent, commitJob == nil else { return .never }
        var sending = peer.sending
        guard sending.hasUnsent(upTo: log.latestVersion) else { return .never }
        return sending.room(sequence: sequence, at: now) > 0 ? now : sending.windowOpens
    }

    /// The header of the next datagram.
    mutating func nextHeader() -> DatagramHeader {
        sequence += 1
        let role: DatagramHeader.Role =
            switch roles.state {
            case .starting: .starting
            case .backup: .backup
            case .takingOver: .takingOver
            case .master: .master
            case .fault: .fault
            }
        return DatagramHeader(
            sender: settings.sender, incarnation: settings.incarnation, term: roles.terms.own, sequence: sequence,
            role: role, inSync: tracks ? announcesInSync : isFollowingMaster)
    }

    /// Whether this standby holds what a synced master sent.
    private var isFollowingMaster: Bool { peer?.receiving.isFollowing == true && peer?.isSyncedMaster == true }

    /// Copies a finished datagram into a batch.
    static func post(_ writer: borrowing DatagramWriter, _ batch: inout DatagramBatch) {
        guard !batch.isFull else { return }
        writer.withBytes { batch.append($0) }
    }

    // MARK: Control messages

    private mutating func sendControl(at now: Instant) {
        let acknowledgement = peer?.receiving.dueAcknowledgement(
            at: now, holeLimit: SyncProtocol.Acknowledgement.holeLimit)
        // While the peer's key is new, the digests that save a bulk are still being added up.
        let needsBulk = external.isAddingUp ? false : peer?.receiving.needsBulk(at: now) ?? false
        let asks = recallJob.map { $0.tries > 0 && $0.askAgain == now + RecallJob.patience } ?? false
        let isDue = heartbeatDue <= now
        guard isDue || wantsControlDatagram || acknowledgement != nil || needsBulk || asks else { return }
        wantsControlDatagram = false
        let ahead = needsBulk ? sendBucketDigests() : (0, 0)
        writer.begin(nextHeader())
        let greets = helloDue <= now
        if greets {
            _ = writer.append(.hello(Hello(name: settings.nodeName, digestKey: settings.digestKey)))
            helloDue = now + Instant.Span.seconds(5)
        }
        if let sending = peer?.sending {
            _ = writer.append(
                .progress(
                    Progress(
                        sentVersion: sending.sentVersion, bulk: sending.bulk,
                        bulkEnd: sending.bulkEnd, bulkSent: sending.bulkSent, isPartial: sending.bulkBuckets != nil)))
            appendBulkBuckets(at: now)
        }
        if let answer = digests.answer {
            digests.answer = nil
            _ = writer.append(.marker(answer))
        }
        if let peer, let acknowledgement {
            counters.count(.holesNamed, by: acknowledgement.holes.count)
            _ = writer.append(
                .acknowledgement(
                    Acknowledgement(
                        incarnation: peer.incarnation, bulk: acknowledgement.bulk, gapFree: acknowledgement.gapFree,
                        sequence: acknowledgement.sequence,
                        holes: acknowledgement.holes.map { (from: $0.from, to: $0.to) })))
        }
        if let peer, needsBulk {
            _ = writer.append(
                .bulkRequest(
                    BulkRequest(
                        incarnation: peer.incarnation, after: peer.receiving.bulk, request: ahead.0, parts: ahead.1)))
        }
        if let job = recallJob, asks {
            pagesOfRequest = 0
            _ = writer.append(.recallRequest(RecallRequest(id: job.id, place: job.place)))
        }
        // Last: on a narrow link it is what may stay behind.
        if greets, let facts { _ = writer.append(.facts(facts)) }
        Self.post(writer, &outgoing)
        let isBusy = peer.map { !$0.isSilent && (!$0.sending.isAcknowledged || !$0.receiving.isComplete) } ?? false
        heartbeatDue = now + (isBusy ? Self.busyHeartbeatInterval : Self.heartbeatInterval)
    }

    // MARK: Flows

    private mutating func sendFlows(at now: Instant) {
        // Nobody is to hear of a destroy: whoever comes begins with a bulk.
        guard let known = peer else { return dropTombstones(upTo: log.latestVersion) }
        guard !known.isSilent, commitJob == nil else { return }
        var room = peer?.sending.room(sequence: sequence, at: now) ?? 0
        let hadBacklog = room == 0
        while room > 0, !outgoing.isFull, let walk = peer?.sending.nextWalk(&log) {
            sendDatagram(of: walk)
            room -= 1
        }
        // The progress that a receiver needs to see a hole at the end comes with the next heartbeat, soon.
        if !hadBacklog, peer?.sending.isAcknowledged == false {
            heartbeatDue = min(heartbeatDue, now + Self.busyHeartbeatInterval)
        }
    }

    /// Packs the next entries of a walk into one datagram, and says which versions it covers.
    private mutating func sendDatagram(of walk: SendingSession.Walk) {
        let bulk = peer?.sending.bulk ?? 0
        writer.begin(nextHeader())
        if walk.lane == .backfill, let sending = peer?.sending {
            _ = writer.append(
                .progress(
                    Progress(
                        sentVersion: sending.live.covered, bulk: bulk, bulkEnd: sending.bulkEnd,
                        bulkSent: sending.bulkSent, isPartial: sending.bulkBuckets != nil)))
        }
        writer.openInterval(lane: Lane(walk.lane), bulk: bulk, from: walk.covered)
        let buckets = walk.lane == .backfill ? peer?.sending.bulkBuckets : nil
        let end = walk.isInFormerLog ? packFormer(walk) : Self.pack(walk, &log, &writer, only: buckets)
        writer.closeInterval(to: end)
        Self.post(writer, &outgoing)
        peer?.sending.sent(walk.lane, upTo: end)
        if walk.lane == .repair { counters.count(.repairsSent) }
    }

    private mutating func packFormer(_ walk: SendingSession.Walk) -> UInt64 {
        guard var ended = former.take() else { return walk.limit ?? walk.covered }
        if walk.lane == .repair { ended.move(walk.cursor, behind: walk.covered) }
        let end = Self.pack(walk, &ended, &writer)
        former = consume ended
        return end
    }

    /// Writes entries until the datagram is full or the walk's limit reached; returns the version covered then.
    private static func pack(
        _ walk: SendingSession.Walk, _ log: inout ChangeLog, _ writer: inout DatagramWriter,
        only buckets: BucketSet? = nil
    ) -> UInt64 {
        let limit = min(walk.limit ?? log.latestVersion, walk.covered + UInt64(UInt32.max))
        var covered = walk.covered
        while let entry = log.peek(walk.cursor), entry.version <= limit {
            // A cursor may stand before an entry that this walk has passed: it changed places with the end.
            if entry.version > covered {
                if !isConfirmed(entry, log.digests, buckets) {
                    guard append(entry, to: &writer) else { return covered }
                }
                covered = entry.version
            }
            log.advance(walk.cursor)
        }
        return limit
    }

    /// Whether the receiver has shown that it holds what stands at one place of the log.
    private static func isConfirmed(
        _ change: ChangeLog.Change, _ digests: borrowing DigestTable, _ buckets: BucketSet?
    ) -> Bool {
        guard let buckets, case .flow(let entry) = change, entry.state != .tombstone else { return false }
        return !buckets.contains(digests.bucket(of: entry.flow.original))
    }

    /// Appends what stands at one place of the log; false if it does not fit.
    private static func append(_ change: ChangeLog.Change, to writer: inout DatagramWriter) -> Bool {
        switch change {
        case .flow(let entry) where entry.state == .tombstone:
            writer.appendDestroy(entry.flow.original, version: entry.version)
        case .flow(let entry):
            writer.append(entry.flow, version: entry.version, isReplacement: entry.traits.contains(.replacement))
        case .expectation(let entry) where entry.isTombstone:
            writer.appendExpectationDestroy(entry.key, version: entry.version)
        case .expectation(let entry):
            writer.append(entry.expectation, version: entry.version)
        }
    }
}
