/// With what right an origin speaks: of two words on one flow the higher one's counts.
///
/// The term comes first. Of equal terms that origin ranks above which this node admitted, or chose as leader, last: a
/// run of an agent whose clock stepped back is still the later one, and a forged one loses its rank with its lead.
public struct OriginRank: Hashable, Comparable, Sendable {
    /// The term that the node had taken.
    public var term: UInt64
    /// This node's own count of admissions and leads.
    public var admission: UInt64

    /// Makes a rank.
    public init(term: UInt64, admission: UInt64) {
        self.term = term
        self.admission = admission
    }

    /// Orders ranks.
    public static func < (left: Self, right: Self) -> Bool {
        (left.term, left.admission) < (right.term, right.admission)
    }
}

/// Names an origin of one cache; entries carry it.
public typealias OriginID = UInt8

/// The origins of one cache: those that speak, and those of which entries are left.
///
/// An origin is one session with one run of a peer. Its versions go on when the run takes a new term, so its number
/// stays and its rank rises.
public struct OriginTable: Sendable {
    /// Origins at most; new ones take the places of those that have left nothing.
    public static let limit = 64

    private struct Place: Sendable {
        var rank: OriginRank
        var entries = 0
        /// A session speaks for it.
        var isOpen = true
    }

    private var places: [Place] = []

    /// Opens an origin that begins to speak; nil if too many have left entries behind.
    mutating func open(_ rank: OriginRank) -> OriginID? {
        if let free = places.firstIndex(where: { !$0.isOpen && $0.entries == 0 }) {
            places[free] = Place(rank: rank)
            return OriginID(free)
        }
        guard places.count < Self.limit else { return nil }
        places.append(Place(rank: rank))
        return OriginID(places.count - 1)
    }

    /// Notes that an origin has taken a term, or that it leads.
    mutating func raise(_ id: OriginID, to rank: OriginRank) {
        places[Int(id)].rank.term = max(places[Int(id)].rank.term, rank.term)
        places[Int(id)].rank.admission = max(places[Int(id)].rank.admission, rank.admission)
    }

    /// Notes that an origin says nothing more; what it told stays.
    mutating func close(_ id: OriginID) { places[Int(id)].isOpen = false }

    /// The rank of an origin.
    public subscript(id: OriginID) -> OriginRank { places[Int(id)].rank }

    /// Whether an origin ranks above another.
    public func rank(_ id: OriginID, isAbove other: OriginID) -> Bool {
        places[Int(id)].rank > places[Int(other)].rank
    }

    /// Entries of an origin, with remembered deletes.
    public func entries(of id: OriginID) -> Int { places[Int(id)].entries }

    /// The origins that have left entries and do not speak, lowest first.
    var left: [OriginID] {
        places.indices.filter { !places[$0].isOpen }.sorted { places[$0].rank < places[$1].rank }
            .map { OriginID($0) }
    }

    mutating func count(_ id: OriginID, by amount: Int) { places[Int(id)].entries += amount }

    mutating func removeCounts() {
        for place in places.indices { places[place].entries = 0 }
    }
}
