/// Who told an entry of an external cache, and with what right: of two words on one flow the higher origin's counts.
public struct Origin: Hashable, Comparable, Sendable {
    /// The term that the node had taken.
    public var term: UInt64
    /// The run of its agent.
    public var incarnation: UInt64
    /// The node.
    public var sender: UInt32
    /// This node's session with that run, on its own count, so that no two origins are alike.
    public var session: UInt32

    /// Makes an origin.
    public init(term: UInt64, incarnation: UInt64, sender: UInt32, session: UInt32) {
        self.term = term
        self.incarnation = incarnation
        self.sender = sender
        self.session = session
    }

    /// Orders origins by their rank.
    public static func < (left: Origin, right: Origin) -> Bool {
        (left.term, left.incarnation, left.sender, left.session)
            < (right.term, right.incarnation, right.sender, right.session)
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
        var origin: Origin
        var entries = 0
        /// A session speaks for it.
        var isOpen = true
    }

    private var places: [Place] = []

    /// Opens an origin that begins to speak; nil if too many have left entries behind.
    mutating func open(_ origin: Origin) -> OriginID? {
        if let free = places.firstIndex(where: { !$0.isOpen && $0.entries == 0 }) {
            places[free] = Place(origin: origin)
            return OriginID(free)
        }
        guard places.count < Self.limit else { return nil }
        places.append(Place(origin: origin))
        return OriginID(places.count - 1)
    }

    /// Notes that an origin has taken a term.
    mutating func raise(_ id: OriginID, to term: UInt64) {
        places[Int(id)].origin.term = max(places[Int(id)].origin.term, term)
    }

    /// Notes that an origin says nothing more; what it told stays.
    mutating func close(_ id: OriginID) { places[Int(id)].isOpen = false }

    /// The origin of a number.
    public subscript(id: OriginID) -> Origin { places[Int(id)].origin }

    /// Whether an origin ranks above another.
    public func rank(_ id: OriginID, isAbove other: OriginID) -> Bool {
        places[Int(id)].origin > places[Int(other)].origin
    }

    /// Entries of an origin, with remembered deletes.
    public func entries(of id: OriginID) -> Int { places[Int(id)].entries }

    /// The origins that have left entries and do not speak, lowest first.
    var left: [OriginID] {
        places.indices.filter { !places[$0].isOpen }.sorted { places[$0].origin < places[$1].origin }
            .map { OriginID($0) }
    }

    mutating func count(_ id: OriginID, by amount: Int) { places[Int(id)].entries += amount }

    mutating func removeCounts() {
        for place in places.indices { places[place].entries = 0 }
    }
}
