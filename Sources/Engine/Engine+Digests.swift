internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// How this node and one peer prove to each other that they hold the same.
///
/// | who | on | does |
/// |---|---|---|
/// | master | nothing left to send | sends a marker: version and digest of its log |
/// | master | no comparison for two seconds: something is always missing | pauses until all sent is acknowledged |
/// | standby | a marker of its leader, if it stands at that version now | compares, answers with its own digest |
/// | standby | unequal | adds up what it has stored, and compares with the next marker |
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
    /// After so long without a comparison the sender pauses.
    static let comparisonPatience = Instant.Span.seconds(2)
    /// A pause takes so long at most; little is on its way behind it, which arrives whole.
    static let pauseLimit = Instant.Span.milliseconds(300)
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
    /// When the peer last answered a marker, or first was to.
    var answeredAt: Instant = .never
    /// Until when nothing but repairs is sent, so that the peer can compare.
    var pausedUntil: Instant = .origin
    /// What the peer has told of its copy, for the request that it announces.
    var reportedRequest: UInt32 = 0
    var reported: [UInt64] = []
    /// The first bucket of each part that came: a datagram can come twice.
    var reportedParts: Set<UInt16> = []
    /// The run of the peer whose digests the latest bulk was cut by.
    var answered: UInt64 = 0
    /// A request whose digests are still on their way, and how long it waits for them.
    var waiting: (request: BulkRequest, until: Instant)?

    // As standby.
    /// This node doubts its own sums, or has just added them up anew.
    var doubt = Doubt.none
    /// A comparison's outcome that the master is to hear.
    var answer: Marker?
    var request: UInt32 = 0
    /// A bulk that repairs a divergence is awaited or under way.
    var isRepairing = false
    var repaired = 0
    /// Repairs in a row that did not help.
    var vainRepairs = 0
    var repairAt: Instant = .origin

    /// How long the next repair waits after a number of vain ones.
    static func repairPause(after vain: Int) -> Instant.Span {
        switch vain {
        case 0: .milliseconds(0)
        case 1: .seconds(1)
        case 2: .seconds(5)
        default: .seconds(30)
        }
    }

    /// Whether live changes and bulks wait for a comparison.
    func isPaused(at now: Instant) -> Bool { pausedUntil > now }

    /// Until when a session that has nothing to repair waits.
    func pause(of sending: SendingSession, at now: Instant) -> Instant {
        isPaused(at: now) && !sending.hasRepairs ? pausedUntil : .origin
    }

    mutating func note(local: UInt64, remote: UInt64, version: UInt64, at now: Instant) {
        comparison = Comparison(
            local: local, remote: remote, version: version, equalAt: local == remote ? now : comparison?.equalAt)
    }
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    // MARK: Markers

    /// Says what the log comes to, when nothing is left to send.
    mutating func sendMarker(to place: Int, at now: Instant) {
        guard case .master = roles.state, commitJob == nil, !peers[place].isSilent, !outgoing.isFull,
            peers[place].sending.bulk != 0
        else { return }
        let proof = peers[place].proof
        if proof.pausedUntil != .origin {
            // All sent is there, or the pause has lasted long enough: what gathered goes out, and the marker behind it.
            guard peers[place].sending.isAcknowledged || !proof.isPaused(at: now) else { return }
            peers[place].proof.pausedUntil = .origin
            peers[place].proof.markedAt = .origin
            return peers[place].heartbeatDue = now
        }
        guard !peers[place].sending.hasUnsent(upTo: log.latestVersion) else { return }
        let isNew = proof.lastMarker?.version != log.latestVersion
        let age = now.since(proof.markedAt)
        guard age >= Self.heartbeatInterval || isNew && age >= DigestExchange.markerInterval else { return }
        if proof.answeredAt == .never { peers[place].proof.answeredAt = now }
        if isNew, !peers[place].sending.isAcknowledged,
            now.since(peers[place].proof.answeredAt) >= DigestExchange.comparisonPatience
        {
            counters.count(.comparisonPauses)
            peers[place].proof.answeredAt = now
            return peers[place].proof.pausedUntil = now + DigestExchange.pauseLimit
        }
        let marker = Marker(
            version: log.latestVersion, bulk: peers[place].sending.bulk, digest: log.digests.total)
        peers[place].proof.lastMarker = marker
        peers[place].proof.markedAt = now
        let destination = usedLink(to: place)
        begin(destination)
        _ = writer.append(.marker(marker))
        post(to: destination)
    }

    /// When the next marker is due because something changed.
    func nextMarker() -> Instant {
        guard case .master = roles.state else { return .never }
        var next = Instant.never
        for place in peers.indices where !peers[place].isSilent && peers[place].sending.bulk != 0 {
            let proof = peers[place].proof
            guard proof.lastMarker?.version != log.latestVersion,
                !peers[place].sending.hasUnsent(upTo: log.latestVersion)
            else { continue }
            next = min(next, max(proof.markedAt + DigestExchange.markerInterval, proof.pausedUntil))
        }
        return next
    }

    mutating func takeMarker(_ told: Marker, from place: Int, sequence: UInt64, at now: Instant) {
        guard told.attributes == Marker.coveredAttributes else { return counters.count(.markersOfOtherAttributes) }
        guard tracks else {
            if leads(place) { compareDigests(with: told, from: place, sequence: sequence, at: now) }
            return
        }
        // A standby's answer: what its copy came to when it stood at the version of our marker.
        guard let marker = peers[place].proof.lastMarker, marker.version == told.version, marker.bulk == told.bulk
        else { return }
        peers[place].proof.answeredAt = now
        peers[place].proof.pausedUntil = .origin
        peers[place].proof.note(local: marker.digest, remote: told.digest, version: told.version, at: now)
    }

    /// Compares with the leader's marker.
    private mutating func compareDigests(
        with marker: Marker, from place: Int, sequence: UInt64, at now: Instant
    ) {
        let session = peers[place].receiving
        // The log of a master that was promoted without its predecessor's flows is not what is held here.
        guard peers[place].isSyncedMaster, session.isExact, marker.bulk == session.bulk,
            session.stands(at: marker.version, sequence: sequence),
            !external.isAddingUp, let total = external.digests?.total, external.leader == session.origin
        else { return }
        // A cache that is full is another trouble, and told as such.
        guard external.count < external.limit else { return }
        if total != marker.digest, peers[place].proof.doubt == .none {
            peers[place].proof.doubt = .addingUp
            return external.addUpAnew()
        }
        peers[place].proof.doubt = .none
        counters.count(.digestsCompared)
        peers[place].proof.note(local: total, remote: marker.digest, version: marker.version, at: now)
        peers[place].proof.answer = Marker(version: marker.version, bulk: marker.bulk, digest: total)
        peers[place].wantsControl = true
        guard total != marker.digest else {
            if peers[place].proof.isRepairing { notices.append(.repaired(flows: peers[place].proof.repaired)) }
            peers[place].proof.isRepairing = false
            return peers[place].proof.vainRepairs = 0
        }
        counters.count(.divergences)
        notices.append(.diverged(version: marker.version))
        guard peers[place].proof.repairAt <= now else { return }
        peers[place].proof.vainRepairs += peers[place].proof.isRepairing ? 1 : 0
        peers[place].proof.repairAt = now + DigestExchange.repairPause(after: peers[place].proof.vainRepairs)
        peers[place].proof.isRepairing = true
        peers[place].proof.repaired = 0
        peers[place].receiving.requestBulk(at: now)
    }

    // MARK: A bulk that costs only what differs

    /// Whether a peer is to be asked for a bulk now: the leader hears first what this node holds, which takes a while
    /// to add up.
    mutating func wantsBulk(of place: Int, at now: Instant) -> Bool {
        guard peers[place].receiving.needsBulk(at: now) else {
            if offer?.sender == peers[place].sender { offer = nil }
            return false
        }
        if mayOffer(to: place), let key = peers[place].digestKey {
            if offer?.sender != peers[place].sender { offer = Offer(sender: peers[place].sender, key: key) }
            return offer?.isComplete == true
        }
        if peers[place].receiving.isBeingSent { peers[place].receiving.withdrawRequest() }
        return peers[place].receiving.needsBulk(at: now)
    }

    /// Whether this node holds something that a bulk of this peer may leave out.
    func mayOffer(to place: Int) -> Bool { leads(place) && !tracks && (external.count > 0 || former != nil) }

    /// Tells the peer, ahead of a request, what this node holds of its flows; returns the request's number and the
    /// messages that it took.
    mutating func sendBucketDigests(to place: Int) -> (request: UInt32, parts: UInt16) {
        guard let told = offer.take(), told.sender == peers[place].sender else { return (0, 0) }
        var parts: UInt16 = 0
        peers[place].proof.request &+= 1
        var part = BucketDigests(request: peers[place].proof.request, buckets: [])
        begin(usedLink(to: place))
        for (number, digest) in told.sums.buckets.enumerated() where digest != 0 {
            part.buckets.append((UInt16(number), digest))
            if part.buckets.count == BucketDigests.limit { appendToDatagrams(&part, &parts, to: place) }
        }
        if !part.buckets.isEmpty { appendToDatagrams(&part, &parts, to: place) }
        if !writer.isEmpty { post(to: usedLink(to: place)) }
        return (peers[place].proof.request, parts)
    }

    private mutating func appendToDatagrams(_ part: inout BucketDigests, _ parts: inout UInt16, to place: Int) {
        parts += 1
        if !writer.append(.bucketDigests(part)) {
            post(to: usedLink(to: place))
            begin(usedLink(to: place))
            _ = writer.append(.bucketDigests(part))
        }
        part.buckets.removeAll(keepingCapacity: true)
    }

    mutating func takeBucketDigests(_ told: BucketDigests, from place: Int) {
        if told.request != peers[place].proof.reportedRequest || peers[place].proof.reported.isEmpty {
            peers[place].proof.reportedRequest = told.request
            peers[place].proof.reported = Array(repeating: 0, count: DigestTable.bucketCount)
            peers[place].proof.reportedParts = []
        }
        if let first = told.buckets.first { peers[place].proof.reportedParts.insert(first.number) }
        for bucket in told.buckets { peers[place].proof.reported[Int(bucket.number)] = bucket.digest }
    }

    /// Answers a request for a bulk, at once or when the digests that belong to it are here.
    mutating func takeBulkRequest(_ request: BulkRequest, from place: Int, at now: Instant) {
        guard request.incarnation == 0 || request.incarnation == settings.incarnation else { return }
        // A bulk that has begun and that the asker does not know yet answers the request, or will be asked for anew.
        guard peers[place].sending.backfill == nil || peers[place].sending.bulk <= request.after else { return }
        peers[place].proof.waiting = (request, request.request == 0 ? now : now + DigestExchange.digestPatience)
        answerBulkRequest(of: place, at: now)
    }

    mutating func answerBulkRequests(at now: Instant) {
        for place in peers.indices { answerBulkRequest(of: place, at: now) }
    }

    private mutating func answerBulkRequest(of place: Int, at now: Instant) {
        // What the first dump shows is no change: a peer that held it before the start still does.
        guard logIsWhole, let (request, until) = peers[place].proof.waiting else { return }
        let proof = peers[place].proof
        let isComplete =
            proof.reportedRequest == request.request && proof.reportedParts.count >= Int(request.parts)
        guard isComplete || until <= now else { return }
        peers[place].proof.waiting = nil
        peers[place].proof.answered = peers[place].incarnation
        beginBulk(to: place, only: differingBuckets(of: place, for: request.request, isComplete), at: now)
    }

    /// The buckets that a peer's request leaves to send; nil for all.
    ///
    /// Where a part of its word got lost, every bucket that it did not name counts as different, be it empty here: that
    /// costs flows and no truth.
    private mutating func differingBuckets(of place: Int, for request: UInt32, _ isComplete: Bool) -> BucketSet? {
        let reported = peers[place].proof.reported
        guard request != 0, request == peers[place].proof.reportedRequest, !reported.isEmpty else { return nil }
        var set = BucketSet()
        for bucket in 0..<DigestTable.bucketCount {
            let isTold = isComplete || reported[bucket] != 0
            if !isTold || log.digests.buckets[bucket] != reported[bucket] { set.insert(bucket) }
        }
        counters.count(.bucketsConfirmed, by: DigestTable.bucketCount - set.count)
        counters.count(.bucketsSent, by: set.count)
        // What it told is used up.
        peers[place].proof.reported = []
        return set
    }

    /// Says which buckets the running bulk sends, as long as the peer may not know.
    mutating func appendBulkBuckets(for place: Int, at now: Instant) {
        let sending = peers[place].sending
        guard let set = sending.bulkBuckets else { return }
        guard !sending.isAcknowledged || now.since(sending.bulkBegan) < .seconds(3) else { return }
        var first = 0
        while first < set.words.count {
            let end = min(first + BulkBuckets.limit, set.words.count)
            let words = Array(set.words[first..<end])
            _ = writer.append(.bulkBuckets(BulkBuckets(bulk: sending.bulk, place: UInt8(first), words: words)))
            first = end
        }
    }

    /// Names a flow that a repair changed.
    mutating func noteRepair(of flow: Flow, _ attributes: FlowAttributes, from place: Int) {
        peers[place].proof.repaired += 1
        if peers[place].proof.repaired <= DigestExchange.namedLimit {
            notices.append(.repairedFlow(flow, attributes))
        }
    }
}
