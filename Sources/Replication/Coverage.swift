/// The versions of a sender's log that have arrived: everything up to `gapFree`, and some intervals beyond.
///
/// An interval is written (from, to]: it does not contain `from`. Versions are sparse, so a datagram states the
/// interval that it covers; what no interval covers is missing.
public struct Coverage: Sendable, Equatable {
    /// Versions after `from`, up to and with `to`.
    public struct Interval: Sendable, Hashable {
        public var from: UInt64
        public var to: UInt64

        /// Makes an interval; `to` is not before `from`.
        public init(from: UInt64, to: UInt64) {
            precondition(from <= to)
            self.from = from
            self.to = to
        }
    }

    /// Intervals beyond the gap-free version at most; what tears one hole more counts as lost.
    public static let islandLimit = 1_024

    /// Below and with this version nothing is missing.
    public private(set) var gapFree: UInt64
    /// What arrived beyond the first gap, in order, never touching each other.
    public private(set) var islands: [Interval] = []

    /// Makes a coverage that holds everything up to `gapFree`.
    public init(gapFree: UInt64 = 0) {
        self.gapFree = gapFree
        islands.reserveCapacity(Self.islandLimit + 1)
    }

    /// The highest version that arrived.
    public var highest: UInt64 { islands.last?.to ?? gapFree }

    /// Whether an interval can be taken in: it does not tear one hole too many.
    public func hasRoom(for interval: Interval) -> Bool {
        if islands.count < Self.islandLimit || interval.from <= gapFree { return true }
        let position = place(of: interval)
        return position < islands.count && islands[position].from <= interval.to
    }

    /// Takes in an interval for which there is room.
    public mutating func add(_ interval: Interval) {
        precondition(hasRoom(for: interval), "no room for \(interval)")
        guard interval.to > gapFree else { return }
        if interval.from <= gapFree {
            gapFree = interval.to
            return absorb()
        }
        let position = place(of: interval)
        var merged = interval
        var end = position
        while end < islands.count, islands[end].from <= merged.to {
            merged.from = min(merged.from, islands[end].from)
            merged.to = max(merged.to, islands[end].to)
            end += 1
        }
        islands.replaceSubrange(position..<end, with: CollectionOfOne(merged))
    }

    /// Where the first island stands that does not end before an interval.
    ///
    /// New ones come at the end, so the search begins there.
    private func place(of interval: Interval) -> Int {
        var position = islands.count
        while position > 0, islands[position - 1].to >= interval.from { position -= 1 }
        return position
    }

    /// Begins anew below `end`: a bulk sends everything up to there again, and what arrived beyond stays.
    public mutating func restart(below end: UInt64) {
        let beyond = gapFree > end ? [Interval(from: end, to: gapFree)] : []
        let later = islands.compactMap { island in
            island.to > end ? Interval(from: max(island.from, end), to: island.to) : nil
        }
        gapFree = 0
        islands.removeAll(keepingCapacity: true)
        islands.append(contentsOf: beyond)
        islands.append(contentsOf: later)
        // Below version 0 there is nothing to send again: what was free of gaps stays so.
        absorb()
    }

    /// The holes behind `floor` up to `limit`, oldest first, at most `count`.
    public func holes(behind floor: UInt64 = 0, upTo limit: UInt64, count: Int) -> [Interval] {
        var holes: [Interval] = []
        var from = max(gapFree, floor)
        for island in islands {
            guard from < limit, holes.count < count else { break }
            if island.from > from { holes.append(Interval(from: from, to: min(island.from, limit))) }
            from = max(from, island.to)
        }
        if from < limit, holes.count < count { holes.append(Interval(from: from, to: limit)) }
        return holes
    }

    private mutating func absorb() {
        var absorbed = 0
        while absorbed < islands.count, islands[absorbed].from <= gapFree {
            gapFree = max(gapFree, islands[absorbed].to)
            absorbed += 1
        }
        if absorbed > 0 { islands.removeFirst(absorbed) }
    }
}
