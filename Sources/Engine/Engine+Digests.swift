internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// How this node and its peer prove to each other that they hold the same.
///
/// | who | on | does |
/// |---|---|---|
/// | master | nothing left to send | sends a marker: version and digest of its log |
/// | standby | a marker, when it stands at that version | compares, answers with its own digest |
/// | standby | unequal | adds up what it has stored, and compares once more |
/// | standby | unequal again | asks for a bulk, its bucket digests ahead: only buckets that differ travel |
/// | master | an answer to its last marker | compares too |
/// | both | every few seconds | add up what is stored, so that a corrupted entry is found |
struct DigestExchange {
    /// The outcome of a comparison.
    struct Comparison: Equatable {
        var local: UInt64
        var remote: UInt64
        var version: UInt64
        /// When both were last equal; nil if they never were.
        var equalAt: Instant?
    }

    /// Markers go out so often at most.
    static let markerInterval = Instant.Span.milliseconds(250)
    /// An audit covers all slots in so many shares, one in this interval.
    static let sharesPerAudit: UInt32 = 2
    static let shareInterval = Instant.Span.seconds(1)
    /// Slots that an audit adds up in a turn at most: about a millisecond.
    static let auditSlots: UInt32 = 16_384
    /// A request waits so long for digests that were sent ahead of it.
    static let digestPatience = Instant.Span.milliseconds(20)
    /// Flows of a repair that are named at most.
    static let namedLimit = 8

    /// Whether an unequal comparison is this node's own mistake: what is stored is added up before a repair.
    enum Doubt {
        case none
        case addingUp
        case dispelled
    }

    var comparison: Comparison?

    // As master.
    var lastMarker: Marker?
    var markedAt: Instant = .origin
    /// What the peer has told of its copy, for the request that it announces.
    var reportedRequest: UInt32 = 0
    var reported: [UInt64] = []
    var reportedParts: UInt16 = 0
    /// A request whose digests are still on their way, and how long it waits for them.
    var waiting: (request: BulkRequest, until: Instant)?

    // As standby.
    /// This node doubts its own sums, or has just added them up anew.
    var doubt = Doubt.none
    /// A marker whose version has not been reached.
    var pending: Marker?
    /// A comparison's outcome that the master is to hear.
    var answer: Marker?
    var request: UInt32 = 0
    /// A bulk that repairs a divergence is awaited or under way.
    var isRepairing = false
    var repaired = 0
    /// Repairs in a row that did not help.
    var vainRepairs = 0
    var repairAt: Instant = .origin

    /// Slots that the audits still have to add up of their share, and when the next share begins.
    var auditLeft: UInt32 = 0
    var auditDue: Instant = .origin

    /// How long the next repair waits after a number of vain ones.
    static func repairPause(after vain: Int) -> Instant.Span {
        switch vain {
        case 0: .milliseconds(0)
        case 1: .seconds(1)
        case 2: .seconds(5)
        default: .seconds(30)
        }
    }
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    // MARK: Markers

    /// Says what the log comes to, when nothing is left to send.
    mutating func sendMarker(at now: Instant) {
        guard case .master = roles.state, commitJob == nil, let peer, !peer.isSilent, !outgoing.isFull else { return }
        guard peer.sending.bulk != 0, !peer.sending.hasUnsent(upTo: log.latestVersion) else { return }
        let isNew = digests.lastMarker?.version != log.latestVersion
        let age = now.since(digests.markedAt)
        guard age >= Self.heartbeatInterval || isNew && age >= DigestExchange.markerInterval else { return }
        let marker = Marker(version: log.latestVersion, bulk: peer.sending.bulk, digest: log.digests.total)
        digests.lastMarker = marker
        digests.markedAt = now
        writer.begin(nextHeader())
        _ = writer.append(.marker(marker))
        Self.post(writer, &outgoing)
    }

    /// When the next marker is due because something changed.
    func nextMarker() -> Instant {
        guard case .master = roles.state, let peer, !peer.isSilent, peer.sending.bulk != 0 else { return .never }
        guard digests.lastMarker?.version != log.latestVersion, !peer.sending.hasUnsent(upTo: log.latestVersion) else {
            return .never
        }
        return digests.markedAt + DigestExchange.markerInterval
    }

    mutating func takeMarker(_ told: Marker, at now: Instant) {
        if tracks {
            // A standby's answer: what its copy came to when it stood at the version of our marker.
            guard let marker = digests.lastMarker, marker.version == told.version, marker.bulk == told.bulk else {
                return
            }
            note(local: marker.digest, remote: told.digest, version: told.version, at: now)
        } else if told.bulk == peer?.receiving.bulk {
            digests.pending = told
        }
    }

    /// Compares with the latest marker as soon as this node stands at its version.
    mutating func compareDigests(at now: Instant) {
        guard let marker = digests.pending, let session = peer?.receiving else { return }
        guard !tracks, session.isExact, marker.bulk == session.bulk, marker.version >= session.gapFree else {
            return digests.pending = nil
        }
        guard session.stands(at: marker.version), !external.isAddingUp, let sums = external.digests else { return }
        digests.pending = nil
        // A cache that is full is another trouble, and told as such.
        guard external.count < external.limit else { return }
        if sums.total != marker.digest, digests.doubt == .none {
            digests.doubt = .addingUp
            return external.addUpAnew()
        }
        digests.doubt = .none
        counters.count(.digestsCompared)
        note(local: sums.total, remote: marker.digest, version: marker.version, at: now)
        digests.answer = Marker(version: marker.version, bulk: marker.bulk, digest: sums.total)
        wantsControlDatagram = true
        guard sums.total != marker.digest else {
            if digests.isRepairing { notices.append(.repaired(flows: digests.repaired)) }
            digests.isRepairing = false
            return digests.vainRepairs = 0
        }
        counters.count(.divergences)
        notices.append(.diverged(version: marker.version))
        guard digests.repairAt <= now else { return }
        digests.vainRepairs += digests.isRepairing ? 1 : 0
        digests.repairAt = now + DigestExchange.repairPause(after: digests.vainRepairs)
        digests.isRepairing = true
        digests.repaired = 0
        peer?.receiving.requestBulk(at: now)
    }

    private mutating func note(local: UInt64, remote: UInt64, version: UInt64, at now: Instant) {
        digests.comparison = .init(
            local: local, remote: remote, version: version,
            equalAt: local == remote ? now : digests.comparison?.equalAt)
    }

    // MARK: A bulk that costs only what differs

    /// Tells the peer, ahead of a request, what this node's copy of its log comes to; returns the request's number and
    /// the messages that it took.
    mutating func sendBucketDigests() -> (request: UInt32, parts: UInt16) {
        guard external.count > 0, let sums = external.digests else { return (0, 0) }
        var parts: UInt16 = 0
        digests.request &+= 1
        var part = BucketDigests(request: digests.request, buckets: [])
        writer.begin(nextHeader())
        for (number, digest) in sums.buckets.enumerated() where digest != 0 {
            part.buckets.append((UInt16(number), digest))
            if part.buckets.count == BucketDigests.limit { appendToDatagrams(&part, &parts) }
        }
        if !part.buckets.isEmpty { appendToDatagrams(&part, &parts) }
        if !writer.isEmpty { Self.post(writer, &outgoing) }
        return (digests.request, parts)
    }

    private mutating func appendToDatagrams(_ part: inout BucketDigests, _ parts: inout UInt16) {
        parts += 1
        if !writer.append(.bucketDigests(part)) {
            Self.post(writer, &outgoing)
            writer.begin(nextHeader())
            _ = writer.append(.bucketDigests(part))
        }
        part.buckets.removeAll(keepingCapacity: true)
    }

    mutating func takeBucketDigests(_ told: BucketDigests) {
        if told.request != digests.reportedRequest || digests.reported.isEmpty {
            digests.reportedRequest = told.request
            digests.reported = Array(repeating: 0, count: DigestTable.bucketCount)
            digests.reportedParts = 0
        }
        digests.reportedParts &+= 1
        for bucket in told.buckets { digests.reported[Int(bucket.number)] = bucket.digest }
    }

    /// Answers a request for a bulk, at once or when the digests that belong to it are here.
    mutating func takeBulkRequest(_ request: BulkRequest, at now: Instant) {
        guard request.incarnation == 0 || request.incarnation == settings.incarnation, let peer else { return }
        // A bulk that runs and that the asker does not know yet answers the request.
        guard peer.sending.backfill == nil || peer.sending.bulk <= request.after else { return }
        digests.waiting = (request, request.request == 0 ? now : now + DigestExchange.digestPatience)
        answerBulkRequest(at: now)
    }

    mutating func answerBulkRequest(at now: Instant) {
        guard let (request, until) = digests.waiting else { return }
        let isComplete = digests.reportedRequest == request.request && digests.reportedParts >= request.parts
        guard isComplete || until <= now else { return }
        digests.waiting = nil
        beginBulk(only: differingBuckets(for: request.request), at: now)
    }

    /// The buckets that a peer's request leaves to send; nil for all.
    ///
    /// A part of its word that got lost makes its buckets differ, which costs flows and no truth.
    mutating func differingBuckets(for request: UInt32) -> BucketSet? {
        guard request != 0, request == digests.reportedRequest, !digests.reported.isEmpty else { return nil }
        var set = BucketSet()
        for bucket in 0..<DigestTable.bucketCount where log.digests.buckets[bucket] != digests.reported[bucket] {
            set.insert(bucket)
        }
        counters.count(.bucketsConfirmed, by: DigestTable.bucketCount - set.count)
        counters.count(.bucketsSent, by: set.count)
        return set
    }

    /// Says which buckets the running bulk sends, as long as the peer may not know.
    mutating func appendBulkBuckets(at now: Instant) {
        guard let sending = peer?.sending, let set = sending.bulkBuckets else { return }
        guard !sending.isAcknowledged || now.since(sending.bulkBegan) < .seconds(3) else { return }
        var place = 0
        while place < set.words.count {
            let end = min(place + BulkBuckets.limit, set.words.count)
            let words = Array(set.words[place..<end])
            _ = writer.append(.bulkBuckets(BulkBuckets(bulk: sending.bulk, place: UInt8(place), words: words)))
            place = end
        }
    }

    /// Whether a flow of this version is sent by the repair that runs, and not because it changed.
    func isRepair(_ version: UInt64) -> Bool {
        digests.isRepairing && version <= peer?.receiving.bulkEnd ?? 0
    }

    /// Names a flow that a repair changed.
    mutating func noteRepair(of flow: Flow, _ attributes: FlowAttributes) {
        digests.repaired += 1
        if digests.repaired <= DigestExchange.namedLimit { notices.append(.repairedFlow(flow, attributes)) }
    }

    // MARK: The audit

    /// Adds up a share of what is stored; all of it every few seconds.
    mutating func continueAudit(at now: Instant) {
        if external.isAddingUp {
            let wrong = external.audit(slots: Self.slotsPerTurn)
            if digests.doubt == .addingUp, !external.isAddingUp {
                digests.doubt = .dispelled
                noteCorruption(wrong)
            }
        }
        if digests.auditDue <= now {
            // No turn of its own: a heartbeat brings one at least so often.
            digests.auditDue = now + DigestExchange.shareInterval
            digests.auditLeft = max(log.slotLimit, external.slotLimit) / DigestExchange.sharesPerAudit + 1
        }
        guard digests.auditLeft > 0 else { return }
        let share = min(digests.auditLeft, DigestExchange.auditSlots)
        digests.auditLeft -= share
        let wrong = log.audit(slots: share)
        noteCorruption(wrong)
        // The kernel knows better than this node's memory.
        if !wrong.isEmpty { beginResync(.overrun) }
        if !external.isAddingUp { noteCorruption(external.audit(slots: share)) }
    }

    private mutating func noteCorruption(_ buckets: [Int]) {
        guard !buckets.isEmpty else { return }
        counters.count(.corruptedBuckets, by: buckets.count)
        notices.append(.corrupted(buckets: buckets.count))
    }
}
