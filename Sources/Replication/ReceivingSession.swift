public import StateMachine

/// What has arrived of one peer's log, and what must be asked for.
///
/// The session never sees a flow: it says which intervals to take, keeps their coverage, names the holes, and knows
/// whether this node holds what the peer holds.
///
/// | phase | one is there because | and leaves by |
/// |---|---|---|
/// | `unknown` | the session's bulk has not begun | a bulk that begins: `filling` |
/// | `filling` | a bulk is under way | every version up to its end: `filled` |
/// | `filled` | the bulk has ended; who sent it decides what it may remove | `sweeping`, or `following` at once |
/// | `sweeping` | the cache holds what the bulk did not send | the last slot swept, or another leader: `following` |
/// | `following` | the cache holds what the peer sent | a newer bulk: `filling`; a contradiction: `unknown` |
public struct ReceivingSession: Sendable {
    /// An acknowledgement goes out after so many datagrams.
    public static let datagramsPerAcknowledgement = 16
    /// … or so long after the first one that is not acknowledged.
    public static let acknowledgementDelay = Instant.Span.milliseconds(5)
    /// A hole is named when it is this old: datagrams overtake each other.
    public static let holePatience = Instant.Span.milliseconds(4)
    /// A hole is named again after so long.
    public static let holeRepeat = Instant.Span.milliseconds(60)
    /// A bulk is asked for again after so long.
    public static let requestRepeat = Instant.Span.milliseconds(500)
    /// A peer that has not been heard for so long is silent.
    public static let silence = Instant.Span.seconds(3)

    /// A sequence further ahead than this is doubted.
    public static let jumpLimit: UInt64 = 1 << 20
    /// … until so many datagrams in a row say the same.
    public static let jumpPatience = 8

    /// No sender comes so far; below it nothing that is counted here can overflow.
    public static let sequenceLimit: UInt64 = 1 << 62

    /// Where the session stands.
    public enum Phase: Equatable, Sendable {
        case unknown
        case filling
        case filled
        case sweeping(nextSlot: UInt32)
        case following
    }

    /// The peer's incarnation.
    public let incarnation: UInt64
    /// Under which number its words stand in the external cache.
    public let origin: OriginID
    /// Where the session stands.
    public private(set) var phase = Phase.unknown
    /// The latest bulk that this session follows.
    public private(set) var bulk: UInt32 = 0
    /// The version that it goes up to.
    public private(set) var bulkEnd: UInt64 = 0
    /// The buckets that it sends, as far as the peer has said; nil for all.
    public private(set) var bulkBuckets: BucketSet?
    private var toldWords: UInt64 = 0
    private var filledAt: Instant = .never
    /// The cache holds what the peer holds and nothing else: its last bulk was swept.
    public private(set) var isExact = false
    private var bulkSent: UInt64 = 0
    private var liveSent: UInt64 = 0
    private var coverage = Coverage()

    private var highestSequence: UInt64 = 0
    private var unacknowledged = 0
    private var acknowledgeAt: Instant = .never
    private var holeSince: Instant = .never
    /// When a bulk is asked for; never if none is wanted.
    private var requestAt: Instant
    /// How often in a row a bulk was asked for and did not begin.
    public private(set) var vainRequests = 0
    private var hasArrived = false
    private var jumps = 0
    /// What arrived contradicts what the peer says it sent: the session is to begin anew, as another origin.
    public private(set) var isDeceived = false

    /// Begins a session with an incarnation of the peer; a bulk is asked for at once.
    public init(incarnation: UInt64, origin: OriginID, at now: Instant) {
        self.incarnation = incarnation
        self.origin = origin
        requestAt = now
    }

    /// Below and with this version nothing is missing.
    public var gapFree: UInt64 { coverage.gapFree }

    /// Whether this node holds what the peer has sent, as far as it has heard.
    public var isComplete: Bool { phase == .following && coverage.gapFree >= max(bulkEnd, liveSent) }

    /// Whether this node has held all of the peer's flows at least once in this incarnation, and follows it since.
    public var isFollowing: Bool { phase == .following }

    /// Whether this node has applied everything up to a version and nothing that was sent later than the datagram with
    /// this sequence.
    ///
    /// What is repaired later closes its gap without the flows that have moved on since, so a marker that finds a gap
    /// says nothing any more when it is closed.
    public func stands(at version: UInt64, sequence: UInt64) -> Bool {
        coverage.gapFree == version && coverage.highest == version && sequence == highestSequence
    }

    /// Versions that the peer has sent and this node does not hold.
    public var lag: UInt64 { max(liveSent, bulkEnd) - min(coverage.gapFree, max(liveSent, bulkEnd)) }

    // MARK: What arrives

    /// How a datagram's sequence stands to those before it.
    public enum Arrival: Sendable, Equatable {
        /// Nothing later has arrived: what it says of its sender holds.
        case newest
        /// Overtaken: its flows count, what it says of its sender is old.
        case late
        /// A jump that no honest sender makes: it is not to be read.
        case jump
    }

    /// Takes in a datagram's sequence.
    ///
    /// Several jumps in a row are a sender that was cut off for long, and are believed.
    public mutating func arrived(sequence: UInt64) -> Arrival {
        guard sequence < Self.sequenceLimit else { return .jump }
        if hasArrived, sequence > highestSequence, sequence - highestSequence > Self.jumpLimit {
            jumps += 1
            guard jumps > Self.jumpPatience else { return .jump }
        }
        jumps = 0
        hasArrived = true
        let isNewest = sequence >= highestSequence
        highestSequence = max(highestSequence, sequence)
        return isNewest ? .newest : .late
    }

    /// Takes in how far the peer says that it has come; `sequence` is that of the datagram which says so.
    ///
    /// A bulk that leaves out what another run of this node held (`isForOther`) is of no use here.
    public mutating func progress(
        sent: UInt64, bulk told: UInt32, bulkEnd end: UInt64, bulkSent toldSent: UInt64, isPartial: Bool,
        isForOther: Bool, isHeld: Bool, shared: UInt64, sequence: UInt64, at now: Instant
    ) {
        if sequence == highestSequence, told < bulk || told == bulk && end != bulkEnd {
            // The sender met this node anew and knows nothing of the bulk that is followed here. Its word on which bulk
            // was the last is believed: to wait for a higher one could take for ever.
            (bulk, bulkEnd) = (told, end)
            return forget(at: now)
        }
        guard told >= bulk else { return }
        // An acknowledgement can be lost like any datagram: whoever waits for it asks by its progress.
        if acknowledgeAt == .never { acknowledgeAt = now + Self.acknowledgementDelay }
        // What a bulk sent before this session heard of it is a hole like any other.
        if told > bulk {
            if isForOther {
                (bulk, bulkEnd) = (told, end)
                return forget(at: now)
            }
            begin(told, end: end, isPartial: isPartial)
        }
        if sequence == highestSequence, coverage.highest > max(sent, end, shared) {
            // More has arrived than was sent: a datagram lied, and what the cache holds of it cannot be told apart.
            isDeceived = true
        }
        // It waits for this node's word; without it, it would send what is here already.
        if isHeld, told == bulk, requestAt == .never { requestAt = now }
        liveSent = sequence == highestSequence ? sent : max(liveSent, sent)
        bulkSent = max(bulkSent, toldSent)
        update(at: now)
    }

    /// Takes in which buckets a bulk sends: words of the set, from a place on.
    public mutating func takeBuckets(of told: UInt32, from place: Int, _ words: [UInt64]) {
        guard told == bulk, bulkBuckets != nil, place + words.count <= 64 else { return }
        for (index, bits) in words.enumerated() {
            bulkBuckets?.set(word: place + index, to: bits)
            toldWords |= 1 << UInt64(place + index)
        }
    }

    /// Whether the peer has said which buckets the bulk sends.
    public var knowsBuckets: Bool { bulkBuckets == nil || toldWords == .max }

    /// Whether the flows of an interval are to be read, and marks their datagram as one to acknowledge.
    ///
    /// One that tears more holes than are kept is as good as lost: the holes before it are named first.
    public mutating func admits(
        lane: SendingSession.LaneName, bulk told: UInt32, _ interval: Coverage.Interval, at now: Instant
    ) -> Bool {
        unacknowledged += 1
        if acknowledgeAt == .never { acknowledgeAt = now + Self.acknowledgementDelay }
        // Nothing is known any more to be older than what was held: what comes twice would come back to life, behind
        // what the peer was told is here. The bulk that is asked for tells it all.
        if phase == .unknown, bulk != 0, told <= bulk { return false }
        // What the live walk sent before the bulk began comes again by the bulk.
        guard lane == .live ? told == bulk || interval.to > bulkEnd : told == bulk && bulk != 0 else { return false }
        return coverage.hasRoom(for: counted(lane, interval))
    }

    /// What of an interval counts: below its end only the bulk itself does.
    private func counted(_ lane: SendingSession.LaneName, _ interval: Coverage.Interval) -> Coverage.Interval {
        guard lane == .live, bulk != 0 else { return interval }
        return .init(from: max(interval.from, bulkEnd), to: max(interval.to, bulkEnd))
    }

    /// Takes in an interval whose flows have been applied.
    public mutating func covered(
        lane: SendingSession.LaneName, _ interval: Coverage.Interval, at now: Instant
    ) {
        switch lane {
        case .live:
            liveSent = max(liveSent, interval.to)
            guard interval.to > bulkEnd || bulk == 0 else { return }
        case .backfill: bulkSent = max(bulkSent, interval.to)
        case .repair: break
        }
        coverage.add(counted(lane, interval))
        update(at: now)
    }

    /// The bulk has ended: what it did not name may be removed (a synced master sent it), or not.
    ///
    /// A bulk that sent a part waits for the word on which part; without it all is asked for again after a while.
    public mutating func endBulk(maySweep: Bool, at now: Instant) {
        guard phase == .filled else { return }
        guard knowsBuckets else {
            if filledAt == .never { filledAt = now }
            if now.since(filledAt) >= Self.requestRepeat { forget(at: now) }
            return
        }
        phase = maySweep ? .sweeping(nextSlot: 0) : .following
    }

    /// Notes that the sweep has come to a slot; nil when all are done.
    public mutating func swept(to slot: UInt32?) {
        guard case .sweeping = phase else { return }
        phase = slot.map { .sweeping(nextSlot: $0) } ?? .following
        isExact = slot == nil
    }

    /// Sweeps no further: the cache keeps what the bulk did not name.
    public mutating func stopSweep() {
        if case .sweeping = phase { phase = .following }
    }

    /// Gives the coverage up: the sender contradicts itself, or the cache was flushed.
    ///
    /// A bulk is asked for.
    public mutating func forget(at now: Instant) {
        phase = .unknown
        isExact = false
        coverage = Coverage()
        holeSince = .never
        requestAt = now
    }

    // MARK: What is sent

    /// What the peer should be told now, if anything is due.
    public struct Acknowledgement: Sendable, Equatable {
        public var bulk: UInt32
        public var gapFree: UInt64
        public var sequence: UInt64
        public var holes: [Coverage.Interval]
    }

    /// The acknowledgement that is due, or nil.
    public mutating func dueAcknowledgement(at now: Instant, holeLimit: Int) -> Acknowledgement? {
        let holesDue = holeSince <= now
        guard holesDue || acknowledgeAt <= now || unacknowledged >= Self.datagramsPerAcknowledgement else { return nil }
        unacknowledged = 0
        acknowledgeAt = .never
        var holes: [Coverage.Interval] = []
        if holesDue {
            holes = knownHoles(holeLimit)
            holeSince = holes.isEmpty ? .never : now + Self.holeRepeat
        }
        return Acknowledgement(bulk: bulk, gapFree: coverage.gapFree, sequence: highestSequence, holes: holes)
    }

    /// Whether a bulk is to be asked for now.
    public func needsBulk(at now: Instant) -> Bool { requestAt <= now }

    /// Notes that a bulk is asked for; the request is repeated after a while.
    public mutating func asked(at now: Instant) {
        vainRequests += 1
        requestAt = now + Self.requestRepeat
    }

    /// Whether a bulk that was to be asked for flows already: who has nothing to say of what it holds lets it.
    public var isBeingSent: Bool { phase == .filling && bulkSent > 0 }

    /// Asks for nothing: what was wanted is on its way.
    public mutating func withdrawRequest() { requestAt = .never }

    /// Asks for a bulk at the next turn whatever is held.
    public mutating func requestBulk(at now: Instant) { forget(at: now) }

    /// Gives the coverage up and asks for nothing: an operator will.
    public mutating func abandon() {
        forget(at: .origin)
        requestAt = .never
    }

    /// Does not ask for a bulk by itself (`startup-resync` off); one that comes is followed.
    public mutating func delayRequest() { requestAt = .never }

    /// When something of the above falls due.
    public var nextDeadline: Instant {
        min(
            acknowledgeAt, holeSince, requestAt,
            filledAt == .never || phase != .filled ? .never : filledAt + Self.requestRepeat)
    }

    // MARK: Inside

    private mutating func begin(_ told: UInt32, end: UInt64, isPartial: Bool) {
        // Whoever asked for it, it sends what is missing here.
        requestAt = .never
        vainRequests = 0
        bulkBuckets = isPartial ? BucketSet() : nil
        toldWords = 0
        filledAt = .never
        isExact = false
        bulk = told
        bulkEnd = end
        bulkSent = 0
        coverage.restart(below: end)
        phase = .filling
        holeSince = .never
    }

    private mutating func update(at now: Instant) {
        if phase == .filling, coverage.gapFree >= bulkEnd { phase = .filled }
        guard phase != .unknown else { return }
        if knownHoles(1).isEmpty {
            holeSince = .never
        } else if holeSince == .never {
            holeSince = now + Self.holePatience
        }
    }

    /// What the peer has sent and what did not arrive; what a running bulk has not sent yet is not missing.
    private func knownHoles(_ count: Int) -> [Coverage.Interval] {
        let holes = coverage.holes(upTo: min(bulkSent, bulkEnd), count: count)
        return holes + coverage.holes(behind: bulkEnd, upTo: liveSent, count: count - holes.count)
    }
}
