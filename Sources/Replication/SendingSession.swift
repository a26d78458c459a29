public import StateMachine

/// What one peer has been sent of the change log, and what it has acknowledged.
///
/// A session is two walks of the log and the holes that the peer named: *repair* and *live* take turns, so that neither
/// waits for the other's length, and *backfill* comes when both have nothing. Each walk knows up to which version it
/// has sent (`covered`); a datagram covers the versions from there to its last entry, or to the walk's limit when
/// nothing is left. No record of sent datagrams is kept: a lost one is a hole in the peer's coverage, and a hole is
/// walked again.
///
/// On a link that one datagram crosses for everyone, peers that have come as far as the shared walk ride along: they
/// take note of what it sent, and walk by themselves again when they fall behind.
public struct SendingSession: Sendable {
    /// Datagrams that may be on their way unacknowledged: what a socket buffer of half a megabyte holds.
    public static let window: UInt64 = 256
    /// Of these a bulk leaves so many to what changes meanwhile.
    public static let reserve: UInt64 = 64
    /// After this silence the window opens again: acknowledgements can be lost too.
    public static let windowTimeout = Instant.Span.milliseconds(250)
    /// A repair is not repeated before its first try can have been acknowledged.
    public static let repairPatience = Instant.Span.milliseconds(50)
    /// A peer that has not been heard for so long is sent heartbeats only.
    public static let silence = Instant.Span.seconds(3)
    /// Holes kept at most; the peer names the others again.
    public static let holeLimit = 64

    /// One pass over a stretch of the log.
    public struct Walk: Sendable, Equatable {
        public var lane: LaneName
        public var cursor: ChangeLog.Cursor
        /// Everything up to this version has been sent by this walk.
        public var covered: UInt64
        /// The walk ends at this version; nil for the live walk, which never ends.
        public var limit: UInt64?
        /// Whether the walk goes through the log that ended with the last mastership.
        public var isInFormerLog = false

        /// Makes a walk of a log that goes on.
        public init(
            lane: LaneName, cursor: ChangeLog.Cursor, covered: UInt64, limit: UInt64?, isInFormerLog: Bool = false
        ) {
            self.lane = lane
            self.cursor = cursor
            self.covered = covered
            self.limit = limit
            self.isInFormerLog = isInFormerLog
        }
    }

    /// Which walk a datagram belongs to.
    public enum LaneName: UInt8, Sendable, CaseIterable {
        case live
        case backfill
        case repair
    }

    /// The live walk.
    public private(set) var live: Walk
    /// The bulk's walk, while one runs.
    public private(set) var backfill: Walk?
    /// The repair of the oldest hole, while there is one.
    public private(set) var repair: Walk?
    /// What a demotion left unsent in the log that it ended.
    public private(set) var remainder: Walk?
    private var formerEnd: UInt64 = 0
    private var formerRepairCursor: ChangeLog.Cursor?
    private var holes: [Coverage.Interval] = []
    private var repairCursor: ChangeLog.Cursor
    private var backfillCursor: ChangeLog.Cursor

    /// The number of this session's latest bulk, 0 before its first; numbers grow within an incarnation.
    public private(set) var bulk: UInt32 = 0
    /// The version that the latest bulk goes up to.
    public private(set) var bulkEnd: UInt64 = 0
    /// The buckets that the latest bulk sends; nil for all.
    public private(set) var bulkBuckets: BucketSet?
    /// When the latest bulk began.
    public private(set) var bulkBegan: Instant = .origin
    /// A bulk that nobody asked for waits so long: the peer may say what it holds already.
    private var heldUntil: Instant = .origin

    /// What the peer last acknowledged.
    public private(set) var acknowledgedVersion: UInt64 = 0
    /// The bulk that the acknowledged version counts in.
    public private(set) var acknowledgedBulk: UInt32 = 0
    private var acknowledgedSequence: UInt64 = 0
    private var acknowledgedAt: Instant
    private var repairedAt: Instant = .origin
    /// Whether the last datagram was a repair: then a live change goes next.
    private var hasJustRepaired = false
    private var pace = Pace()
    /// The peer did not keep pace with those it shared a walk with; it walks alone until it has acknowledged all.
    public private(set) var isBehind = false

    /// Begins a session that has sent nothing; its live walk starts at the end of the log.
    public init(log: inout ChangeLog, sequence: UInt64, at now: Instant) {
        live = Walk(lane: .live, cursor: log.openCursor(atStart: false), covered: log.latestVersion, limit: nil)
        formerEnd = 0
        backfillCursor = log.openCursor(atStart: false)
        repairCursor = log.openCursor(atStart: false)
        acknowledgedSequence = sequence
        acknowledgedAt = now
        holes.reserveCapacity(Self.holeLimit)
    }

    /// Ends the session's use of a log.
    public func close(_ log: inout ChangeLog) {
        log.close(live.cursor)
        log.close(backfillCursor)
        log.close(repairCursor)
    }

    /// Goes on in a new log that counts on where `former` ended.
    ///
    /// What was not sent of it remains to be sent first.
    /// A bulk that was under way begins anew: true, and its number is the caller's to give.
    public mutating func continueIn(_ log: inout ChangeLog, former: inout ChangeLog) -> Bool {
        formerEnd = former.latestVersion
        formerRepairCursor = repairCursor
        remainder = nil
        if live.covered < formerEnd {
            remainder = Walk(
                lane: .live, cursor: live.cursor, covered: live.covered, limit: formerEnd, isInFormerLog: true)
        }
        live = Walk(lane: .live, cursor: log.openCursor(atStart: false), covered: formerEnd, limit: nil)
        backfillCursor = log.openCursor(atStart: false)
        repairCursor = log.openCursor(atStart: false)
        repair = nil
        return backfill != nil
    }

    /// Notes that the former log is gone: what was not sent of it never will be.
    public mutating func dropFormer() {
        remainder = nil
        formerRepairCursor = nil
        if repair?.isInFormerLog == true { repair = nil }
    }

    /// Everything up to this version that is not in a running bulk has been sent.
    public var sentVersion: UInt64 { max(remainder?.covered ?? live.covered, bulkEnd) }

    /// How far a running or ended bulk has been sent.
    public var bulkSent: UInt64 { backfill?.covered ?? bulkEnd }

    /// Begins a bulk: all that the log holds now goes out by the backfill, later changes by the live walk.
    ///
    /// What the live walk had not sent yet is part of the bulk, so it moves to the end. Of flows in buckets beside
    /// `buckets` the peer has shown that it holds the same. The backfill waits until `held`.
    ///
    /// - Parameter number: greater than that of any bulk that this node has begun.
    public mutating func beginBulk(
        _ log: inout ChangeLog, number: UInt32, only buckets: BucketSet? = nil, heldUntil held: Instant = .origin,
        at now: Instant
    ) {
        heldUntil = held
        bulkBuckets = buckets
        bulkBegan = now
        bulk = number
        bulkEnd = log.latestVersion
        log.move(backfillCursor, toStart: true)
        log.move(live.cursor, toStart: false)
        live.covered = bulkEnd
        backfill = Walk(lane: .backfill, cursor: backfillCursor, covered: 0, limit: bulkEnd)
        holes.removeAll(keepingCapacity: true)
        repair = nil
        // Of this bulk nothing is missing there: what the former log says of its versions may have ended since.
        formerRepairCursor = nil
    }

    /// Leaves out what the log holds now, if nothing was sent yet: who wants it asks for a bulk.
    public mutating func skip(_ log: inout ChangeLog) {
        guard bulk == 0 else { return }
        log.move(live.cursor, toStart: false)
        live.covered = log.latestVersion
    }

    /// Takes in what the peer holds, and which versions it misses; `sent` is this node's last sequence.
    public mutating func acknowledge(
        version: UInt64, bulk acknowledged: UInt32, sequence: UInt64, ofSent sent: UInt64,
        holes missing: [Coverage.Interval], at now: Instant
    ) {
        if sequence >= acknowledgedSequence, sequence <= sent {
            acknowledgedSequence = sequence
            acknowledgedAt = now
            pace.acknowledge(sequence)
        }
        guard acknowledged == bulk else { return }
        if acknowledged != acknowledgedBulk || version > acknowledgedVersion {
            acknowledgedVersion = version
            acknowledgedBulk = acknowledged
        }
        if isAcknowledged { isBehind = false }
        guard repair == nil, holes.isEmpty, !missing.isEmpty,
            now.since(repairedAt) >= Self.repairPatience
        else { return }
        // Only what a walk has passed can be missing; the rest is on its way.
        for hole in missing.prefix(Self.holeLimit) {
            let passed = hole.from < bulkEnd ? bulkSent : (remainder?.covered ?? live.covered)
            if hole.from < passed { holes.append(.init(from: hole.from, to: min(hole.to, passed))) }
        }
        repairedAt = now
    }

    /// The peer needs no tombstone up to this version; one that has been sent nothing begins with a bulk.
    public var knownVersion: UInt64 { bulk == 0 ? .max : acknowledgedBulk == bulk ? acknowledgedVersion : 0 }

    /// Whether the peer's latest word covers all that was sent.
    public var isAcknowledged: Bool {
        acknowledgedBulk == bulk && backfill == nil && acknowledgedVersion >= live.covered
    }

    /// Whether a walk has something left to send; `latestVersion` is the log's.
    public func hasUnsent(upTo latestVersion: UInt64) -> Bool {
        live.covered < latestVersion || remainder != nil || backfill != nil || repair != nil || !holes.isEmpty
    }

    /// Whether the peer waits for a repair.
    public var hasRepairs: Bool { repair != nil || !holes.isEmpty }

    /// When something can be sent: now, when a held bulk begins to flow, when the window opens, or never.
    public mutating func nextWork(upTo latestVersion: UInt64, at now: Instant) -> Instant {
        let room = room(at: now)
        if live.covered < latestVersion || remainder != nil || hasRepairs { return room > 0 ? now : windowOpens }
        guard backfill != nil else { return .never }
        return room > Self.reserve ? max(now, heldUntil) : windowOpens
    }

    /// Whether the running bulk waits for the peer's word on what it holds.
    public func isHeld(at now: Instant) -> Bool { backfill != nil && heldUntil > now }

    /// Datagrams that may be sent now; a bulk is to leave `reserve` of them.
    public mutating func room(at now: Instant) -> UInt64 {
        if now.since(acknowledgedAt) >= Self.windowTimeout, pace.outstanding > 0 {
            isBehind = isBehind || pace.outstanding >= Self.window
            pace.forgive()
            acknowledgedAt = now
        }
        return pace.outstanding < Self.window ? Self.window - pace.outstanding : 0
    }

    /// When the window opens by itself.
    public var windowOpens: Instant { acknowledgedAt + Self.windowTimeout }

    /// The walk whose turn it is, or nil if nothing is left to send; live changes go before a bulk.
    ///
    /// While the others are paused, repairs go on.
    public mutating func nextWalk(_ log: inout ChangeLog, room: UInt64, isPaused: Bool, at now: Instant) -> Walk? {
        if repair == nil, let hole = holes.first { beginRepair(of: hole, &log) }
        if isPaused { return repair }
        let change = remainder ?? (live.covered < log.latestVersion ? live : nil)
        if let repair, change == nil || !hasJustRepaired { return repair }
        if let change { return change }
        return room > Self.reserve && heldUntil <= now ? backfill : nil
    }

    // MARK: The shared walk

    /// Whether the peer may ride along with a walk that goes on behind `version`.
    public func mayRide(behind version: UInt64) -> Bool {
        bulk != 0 && remainder == nil && !isBehind && live.covered >= version
    }

    /// Takes note of what the shared walk sent: up to `version`, which `isEnd` says is all there is.
    public mutating func rode(to version: UInt64, isEnd: Bool, sequence: UInt64, _ log: inout ChangeLog) {
        live.covered = max(live.covered, version)
        if isEnd { log.move(live.cursor, toStart: false) }
        pace.send(sequence)
    }

    private mutating func beginRepair(of hole: Coverage.Interval, _ log: inout ChangeLog) {
        if let cursor = formerRepairCursor, hole.from < formerEnd {
            // The former log answers for its own versions; what lies behind them is a hole of its own.
            let end = min(hole.to, formerEnd)
            repair = Walk(lane: .repair, cursor: cursor, covered: hole.from, limit: end, isInFormerLog: true)
            if end < hole.to { holes[0] = .init(from: end, to: hole.to) } else { holes.removeFirst() }
        } else {
            holes.removeFirst()
            log.move(repairCursor, behind: hole.from)
            repair = Walk(lane: .repair, cursor: repairCursor, covered: hole.from, limit: hole.to)
        }
    }

    /// Notes that a walk has been sent up to a version, by the datagram with this sequence.
    public mutating func sent(_ lane: LaneName, upTo version: UInt64, sequence: UInt64) {
        pace.send(sequence)
        hasJustRepaired = lane == .repair
        switch lane {
        case .live:
            if remainder != nil {
                remainder?.covered = version
                if version >= formerEnd { remainder = nil }
            } else {
                live.covered = version
            }
        case .backfill:
            backfill?.covered = version
            if version >= bulkEnd { backfill = nil }
        case .repair:
            repair?.covered = version
            if let limit = repair?.limit, version >= limit { repair = nil }
        }
    }
}
