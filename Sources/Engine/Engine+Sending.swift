internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// The walk of what changes, for peers on a link that one datagram crosses for everyone.
struct SharedWalk {
    /// Its place in the log, once it was walked.
    var cursor: ChangeLog.Cursor?
    /// Everything up to this version has been sent to everyone, or to each alone.
    var covered: UInt64 = 0
    /// The places of those who ride along this turn.
    var riders: [Int] = []
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// A bulk that nobody asked for waits so long for the peer's word on what it holds; one that holds nothing asks at
    /// once, and one that holds a million flows has to add them up.
    static var bulkPatience: Instant.Span { .seconds(5) }

    /// Begins a bulk for every peer: the whole internal cache goes out once more, beside what changes meanwhile.
    mutating func beginBulks(at now: Instant) {
        for place in peers.indices { beginBulk(to: place, heldUntil: now + Self.bulkPatience, at: now) }
    }

    /// Begins a bulk for one peer.
    ///
    /// Of flows in buckets beside `buckets` the peer has shown that it holds the same.
    mutating func beginBulk(
        to place: Int, only buckets: BucketSet? = nil, heldUntil held: Instant = .origin, at now: Instant
    ) {
        bulkNumber += 1
        peers[place].sending.beginBulk(&log, number: bulkNumber, only: buckets, heldUntil: held, at: now)
        counters.count(.bulksSent)
        peers[place].wantsControl = true
    }

    /// Sends what is due: greetings, control messages, then what the walks of the log still have, as far as the windows
    /// allow.
    mutating func send(at now: Instant) {
        outgoing.removeAll()
        chooseLinks(at: now)
        greet(at: now)
        for place in peers.indices { sendControl(to: place, at: now) }
        sendFlows(at: now)
        for place in peers.indices { sendMarker(to: place, at: now) }
        if outgoing.count > 0 { link.send(outgoing) }
    }

    /// When something is to be sent at the latest.
    func nextSend(after now: Instant) -> Instant {
        var next = min(helloDue, greetings.min() ?? .never)
        for place in peers.indices {
            next = min(next, peers[place].wantsControl ? now : peers[place].heartbeatDue)
            guard !peers[place].isSilent, commitJob == nil, logIsWhole else { continue }
            var sending = peers[place].sending
            next = min(
                next,
                max(sending.nextWork(upTo: log.latestVersion, at: now), peers[place].proof.pause(of: sending, at: now)))
        }
        return next
    }

    // MARK: Control messages

    private mutating func sendControl(to place: Int, at now: Instant) {
        if let request = peers[place].recallRequest {
            peers[place].recallRequest = nil
            sendRecallPages(request, to: place, at: now)
        }
        let acknowledgement = peers[place].receiving.dueAcknowledgement(
            at: now, holeLimit: SyncProtocol.Acknowledgement.holeLimit)
        let asksForBulk = wantsBulk(of: place, at: now)
        let asksForFlows = recallJob.map { $0.asks(peers[place].sender, at: now) } ?? false
        let isDue = peers[place].heartbeatDue <= now
        guard isDue || peers[place].wantsControl || acknowledgement != nil || asksForBulk || asksForFlows else {
            return
        }
        peers[place].wantsControl = false
        let probes = peers[place].probeDue <= now
        if probes {
            peers[place].probeDue = now + Self.heartbeatInterval
            probeOtherLinks(of: place, at: now)
        }
        let ahead = asksForBulk ? sendBucketDigests(to: place) : (0, 0)
        let number = acknowledgement == nil ? peers[place].links.used : peers[place].answerLink
        let destination = Destination.peer(place, over: number)
        begin(destination)
        if probes { appendProbe(to: place, over: number, at: now) }
        appendProgress(for: place, at: now)
        appendBulkBuckets(for: place, at: now)
        if let answer = peers[place].proof.answer {
            peers[place].proof.answer = nil
            _ = writer.append(.marker(answer))
        }
        let incarnation = peers[place].incarnation
        if let acknowledgement {
            counters.count(.holesNamed, by: acknowledgement.holes.count)
            _ = writer.append(
                .acknowledgement(
                    Acknowledgement(
                        incarnation: incarnation, bulk: acknowledgement.bulk, gapFree: acknowledgement.gapFree,
                        sequence: acknowledgement.sequence,
                        holes: acknowledgement.holes.map { (from: $0.from, to: $0.to) })))
        }
        if asksForBulk {
            if peers[place].receiving.vainRequests > 0 { publish(readiness.bulkFailed(at: now)) }
            peers[place].receiving.asked(at: now)
            _ = writer.append(
                .bulkRequest(
                    BulkRequest(
                        incarnation: incarnation, after: peers[place].receiving.bulk, request: ahead.0,
                        parts: ahead.1)))
        }
        if let job = recallJob, asksForFlows {
            pagesOfRequest = 0
            _ = writer.append(.recallRequest(RecallRequest(id: job.id, place: job.place)))
        }
        post(to: destination)
        let isBusy =
            !peers[place].isSilent && (!peers[place].sending.isAcknowledged || !peers[place].receiving.isComplete)
        peers[place].heartbeatDue = now + (isBusy ? Self.busyHeartbeatInterval : Self.heartbeatInterval)
    }

    private mutating func appendProgress(for place: Int, at now: Instant) {
        let sending = peers[place].sending
        _ = writer.append(
            .progress(
                Progress(
                    sentVersion: sending.sentVersion, bulk: sending.bulk, bulkEnd: sending.bulkEnd,
                    bulkSent: sending.bulkSent, asker: sending.bulkBuckets == nil ? nil : peers[place].proof.answered,
                    isHeld: sending.isHeld(at: now),
                    sharedVersion: shared.covered)))
    }

    // MARK: Flows

    private mutating func sendFlows(at now: Instant) {
        // Nobody is to hear of a destroy: whoever comes begins with a bulk.
        guard !peers.isEmpty else { return dropTombstones(upTo: log.latestVersion) }
        guard commitJob == nil, logIsWhole else { return }
        sendShared(at: now)
        // Each has its share of a turn, and another is first in each: nobody's bulk keeps another's changes waiting.
        let share = max(UInt64(Self.datagramsPerTurn / peers.count), 8)
        firstServed = (firstServed + 1) % peers.count
        for step in peers.indices {
            let place = (firstServed + step) % peers.count
            guard !peers[place].isSilent else { continue }
            sendWalks(to: place, atMost: share, at: now)
        }
    }

    private mutating func sendWalks(to place: Int, atMost share: UInt64, at now: Instant) {
        let window = peers[place].sending.room(at: now)
        var left = min(window, share)
        let isPaused = peers[place].proof.isPaused(at: now)
        while left > 0, !outgoing.isFull,
            let walk = peers[place].sending.nextWalk(
                &log, room: window - (min(window, share) - left), isPaused: isPaused, at: now)
        {
            sendDatagram(of: walk, to: place)
            left -= 1
        }
        // The progress that a receiver needs to see a hole at the end comes with the next heartbeat, soon.
        if window > 0, !peers[place].sending.isAcknowledged {
            peers[place].heartbeatDue = min(peers[place].heartbeatDue, now + Self.busyHeartbeatInterval)
        }
    }

    /// Packs the next entries of a walk into one datagram, and says which versions it covers.
    private mutating func sendDatagram(of walk: SendingSession.Walk, to place: Int) {
        let destination = usedLink(to: place)
        begin(destination)
        if walk.lane == .backfill { appendProgress(for: place, at: .never) }
        writer.openInterval(lane: Lane(walk.lane), bulk: peers[place].sending.bulk, from: walk.covered)
        let buckets = walk.lane == .backfill ? peers[place].sending.bulkBuckets : nil
        let end = walk.isInFormerLog ? packFormer(walk) : Self.pack(walk, &log, &writer, only: buckets)
        writer.closeInterval(to: end)
        post(to: destination)
        peers[place].sending.sent(walk.lane, upTo: end, sequence: sequence)
        if walk.lane == .repair { counters.count(.repairsSent) }
    }

    // MARK: One datagram for all

    /// Sends live changes once to all peers that have come equally far, where one datagram reaches everyone.
    private mutating func sendShared(at now: Instant) {
        guard let number = riders(at: now) else { return }
        var walk = SendingSession.Walk(
            lane: .live, cursor: shared.cursor ?? log.openCursor(atStart: false), covered: shared.covered, limit: nil)
        if shared.cursor == nil { log.move(walk.cursor, behind: shared.covered) }
        shared.cursor = walk.cursor
        var room = shared.riders.map { peers[$0].sending.room(at: now) }.min() ?? 0
        while room > 0, !outgoing.isFull, walk.covered < log.latestVersion {
            begin(.riders(over: number))
            writer.openInterval(lane: .live, bulk: 0, from: walk.covered)
            walk.covered = Self.pack(walk, &log, &writer)
            writer.closeInterval(to: walk.covered)
            post(to: .riders(over: number))
            counters.count(.sharedDatagrams)
            for place in shared.riders {
                peers[place].sending.rode(
                    to: walk.covered, isEnd: walk.covered >= log.latestVersion, sequence: sequence, &log)
                peers[place].heartbeatDue = min(peers[place].heartbeatDue, now + Self.busyHeartbeatInterval)
            }
            room -= 1
        }
        shared.covered = walk.covered
    }

    /// Finds those who ride along, and the link that reaches them; nil if it does not pay.
    private mutating func riders(at now: Instant) -> UInt8? {
        shared.riders.removeAll(keepingCapacity: true)
        guard peers.count > 1, !peers.contains(where: { $0.proof.isPaused(at: now) }) else { return nil }
        var number: UInt8?
        for place in peers.indices where !peers[place].isSilent {
            let used = peers[place].links.used
            guard link.isShared(used), number == nil || number == used,
                peers[place].sending.mayRide(behind: shared.covered)
            else { continue }
            number = used
            shared.riders.append(place)
        }
        guard shared.riders.count > 1 else { return nil }
        let behind = shared.riders.map { peers[$0].sending.live.covered }.min() ?? shared.covered
        if behind > shared.covered {
            shared.covered = behind
            if let cursor = shared.cursor { log.move(cursor, behind: behind) }
        }
        return number
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
            writer.appendExpectationDestroy(entry.expectation.key, version: entry.version)
        case .expectation(let entry):
            writer.append(entry.expectation, version: entry.version)
        }
    }
}
