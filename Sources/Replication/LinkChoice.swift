public import StateMachine

/// Which link carries the traffic to one peer, and how well each does.
///
/// Every link is probed by heartbeats, which say how much was sent over it and over which links the peer hears this
/// node. A link is *usable* while the peer was heard over it within three heartbeats and does not say that it hears
/// nothing there.
///
/// | the link in use | another link | goes to |
/// |---|---|---|
/// | not usable | usable | the best one, at once |
/// | usable, but what was sent over it stays unacknowledged for three busy heartbeats | usable | the best other one |
/// | usable | better for `returnDelay`: less loss, or the same and earlier in the configuration | that one |
/// | any | none usable | stays |
public struct LinkChoice: Sendable {
    /// Links at most.
    public static let limit = 8
    /// Heartbeats that may be missed.
    public static let missedLimit: UInt64 = 3
    /// How long a link must have been better before the traffic returns to it.
    public static let returnDelay = Instant.Span.seconds(5)
    /// A link that was left because nothing was acknowledged is avoided for so long.
    public static let avoidance = Instant.Span.seconds(5)
    /// Loss is told for stretches of so many datagrams.
    public static let stretch: UInt64 = 32
    /// From this loss on, of 1,000, a link counts as lossy.
    public static let lossyFrom: UInt64 = 20

    /// What is known of one link.
    public struct Link: Sendable {
        /// When the peer was last heard over it; the origin if never.
        public internal(set) var heard: Instant = .origin
        /// Whether the peer hears this node over it; nil until it has said so.
        public internal(set) var isHeardThere: Bool?
        /// Of 1,000 datagrams of the peer, how many were lost over the last stretch; nil before the first has ended.
        public internal(set) var lossPerMille: UInt64?
        /// Datagrams sent to the peer over it.
        public internal(set) var sent: UInt64 = 0
        /// Where the peer is on this link, as the link numbers its sources; 0 is unknown.
        public internal(set) var source: UInt64 = 0
        var received: UInt64 = 0
        var stretchSent: UInt64 = 0
        var stretchReceived: UInt64 = 0
        var lastTold: UInt64?
        var avoidedUntil: Instant = .origin
        var betterSince: Instant = .never

        var isLossy: Bool { (lossPerMille ?? 0) >= LinkChoice.lossyFrom }
    }

    /// The links by their numbers.
    public private(set) var links: [Link]
    /// The link in use.
    public private(set) var used: UInt8 = 0
    /// Datagrams of the peer that were lost, over all links, as far as its probes tell.
    public private(set) var lost: UInt64 = 0
    /// How often the traffic has moved to another link.
    public private(set) var moves: UInt64 = 0
    private let heartbeat: Instant.Span

    /// Makes the choice among `count` links that are probed once in `heartbeat`.
    public init(count: Int, heartbeat: Instant.Span) {
        precondition(count >= 1 && count <= Self.limit)
        links = Array(repeating: Link(), count: count)
        self.heartbeat = heartbeat
    }

    /// How long a link may be silent.
    public var patience: Instant.Span { .init(nanoseconds: heartbeat.nanoseconds * Self.missedLimit) }

    /// Whether the peer is heard over a link.
    public func isHeard(_ number: UInt8, at now: Instant) -> Bool {
        let link = links[Int(number)]
        return link.heard != .origin && now.since(link.heard) < patience
    }

    /// Whether a link can carry traffic.
    public func isUsable(_ number: UInt8, at now: Instant) -> Bool {
        isHeard(number, at: now) && links[Int(number)].isHeardThere != false
    }

    /// The links over which the peer is heard, the first in the lowest bit.
    public func heardBits(at now: Instant) -> UInt8 {
        links.indices.reduce(0) { bits, number in isHeard(UInt8(number), at: now) ? bits | 1 << UInt8(number) : bits }
    }

    /// Takes in a datagram of the peer.
    public mutating func heard(over number: UInt8, from source: UInt64, at now: Instant) {
        guard Int(number) < links.count else { return }
        if !isHeard(number, at: now) {
            // What was sent while nobody heard it is an outage, and no loss of a link that carries.
            links[Int(number)].lastTold = nil
            links[Int(number)].stretchSent = 0
            links[Int(number)].stretchReceived = 0
        }
        links[Int(number)].heard = now
        links[Int(number)].source = source
        links[Int(number)].received += 1
    }

    /// Notes a datagram to the peer, alone or among others.
    public mutating func sent(over number: UInt8) { links[Int(number)].sent += 1 }

    /// Takes in a probe: how much the peer has sent over the link that it came by, and where it hears this node.
    public mutating func probed(over number: UInt8, sent: UInt64, heardBits: UInt8) {
        guard Int(number) < links.count else { return }
        for place in links.indices { links[place].isHeardThere = heardBits >> UInt8(place) & 1 == 1 }
        let link = links[Int(number)]
        guard let last = link.lastTold, sent >= last else {
            links[Int(number)].lastTold = sent
            links[Int(number)].received = 0
            return
        }
        links[Int(number)].lastTold = sent
        links[Int(number)].received = 0
        // What was overtaken by the probe is counted behind it.
        links[Int(number)].stretchSent += sent - last
        links[Int(number)].stretchReceived += link.received
        guard links[Int(number)].stretchSent >= Self.stretch else { return }
        let (all, came) = (links[Int(number)].stretchSent, links[Int(number)].stretchReceived)
        let missing = all - min(came, all)
        lost += missing
        links[Int(number)].lossPerMille = missing * 1_000 / all
        links[Int(number)].stretchSent = 0
        links[Int(number)].stretchReceived = 0
    }

    /// Chooses anew; `isStuck` says that what was sent over the link in use stays unacknowledged.
    ///
    /// - Returns: whether the traffic moves.
    public mutating func choose(isStuck: Bool, at now: Instant) -> Bool {
        guard links.count > 1 else { return false }
        // Where none is left to try, going round helps nobody.
        let isChoice = links.indices.contains { place in
            place != Int(used) && isUsable(UInt8(place), at: now) && links[place].avoidedUntil <= now
        }
        if isStuck, isChoice { links[Int(used)].avoidedUntil = now + Self.avoidance }
        let inUse = rank(used, at: now)
        var best = used
        for number in UInt8(0)..<UInt8(links.count) where number != used {
            let isBetter = isUsable(number, at: now) && rank(number, at: now) < inUse
            let since = links[Int(number)].betterSince
            links[Int(number)].betterSince = isBetter ? min(since, now) : .never
            guard isBetter, rank(number, at: now) < rank(best, at: now) else { continue }
            let isPressing = !isUsable(used, at: now) || links[Int(used)].avoidedUntil > now
            if isPressing || now.since(links[Int(number)].betterSince) >= Self.returnDelay { best = number }
        }
        guard best != used else { return false }
        used = best
        moves += 1
        for place in links.indices { links[place].betterSince = .never }
        return true
    }

    /// The lower, the better: usable, not avoided, without loss, early in the configuration.
    private func rank(_ number: UInt8, at now: Instant) -> UInt {
        let link = links[Int(number)]
        return (isUsable(number, at: now) ? 0 : 64) + (link.avoidedUntil > now ? 32 : 0) + (link.isLossy ? 16 : 0)
            + UInt(number)
    }
}
