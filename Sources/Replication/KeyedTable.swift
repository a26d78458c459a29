public import Bytes
public import Conntrack

/// What a table finds its subjects by.
public protocol TableKey: Hashable, BitwiseCopyable, Sendable {
    /// The hash under a key of chance, so that nobody outside can choose values that collide.
    func hash(_ key: SipHash.Key) -> UInt64
}

extension Tuple: TableKey {}
extension ExpectationKey: TableKey {}

/// What a table holds, cut up by size: a core that all have, and what only some have beside it.
public protocol TableSubject: BitwiseCopyable, Sendable {
    associatedtype Key: TableKey
    associatedtype Core: BitwiseCopyable
    associatedtype Extra: BitwiseCopyable

    /// What the subject is found by; it never changes in a table.
    var key: Key { get }
    /// The subject cut up.
    var pieces: SubjectPieces<Core, Extra> { get }
    /// Puts a subject together again that was not kept whole.
    init(core: Core, extra: Extra?)
    /// Whether the key of a subject with this core may be this one; wrong for next to none.
    static func isKey(_ key: Key, likelyOf core: Core) -> Bool
}

/// How a subject is kept.
public struct SubjectPieces<Core: BitwiseCopyable, Extra: BitwiseCopyable>: BitwiseCopyable {
    /// What stands beside the core.
    public enum Rest: BitwiseCopyable {
        case nothing
        case extra(Extra)
        /// The whole subject: it has what few have.
        case whole
    }

    public var core: Core
    public var rest: Rest
}

/// Subjects in slabs, each with its owner's note, and the index on their keys: the store beneath every cache.
///
/// A subject is put together when it is read, and cut up when it is stored; a note is read and changed in place.
public struct KeyedTable<Subject: TableSubject, Note: BitwiseCopyable>: ~Copyable {
    private struct Place: BitwiseCopyable {
        var note: Note
        var core: Subject.Core
        var rest: RestPlace
    }

    private let hashKey: SipHash.Key
    private var places = Slab<Place>()
    private var extras = Slab<Subject.Extra>()
    private var wholes = Slab<Subject>()
    private var index = SlotIndex()

    /// Makes an empty table; `hashKey` is chance.
    public init(key hashKey: SipHash.Key) { self.hashKey = hashKey }

    /// Subjects stored now.
    public var count: Int { places.count }

    /// A walk over `0..<slotLimit` that skips free slots meets every subject.
    public var slotLimit: UInt32 { places.slotLimit }

    /// Whether a slot holds a subject.
    public func contains(_ slot: UInt32) -> Bool { places.contains(slot) }

    /// The slot of a key, or nil.
    public func find(_ key: Subject.Key) -> UInt32? {
        index.find(hash: key.hash(hashKey)) { slot in
            Subject.isKey(key, likelyOf: places[slot].core) && subject(at: slot).key == key
        }
    }

    /// The note of a slot in use.
    public subscript(slot: UInt32) -> Note {
        _read { yield places[slot].note }
        _modify { yield &places[slot].note }
    }

    /// The subject of a slot in use.
    public func subject(at slot: UInt32) -> Subject {
        let rest = places[slot].rest
        if let number = rest.whole { return wholes[number] }
        return Subject(core: places[slot].core, extra: rest.extra.map { extras[$0] })
    }

    /// Stores a subject whose key is not in the table.
    public mutating func insert(_ subject: Subject, _ note: Note) -> UInt32 {
        let pieces = subject.pieces
        let slot = places.insert(Place(note: note, core: pieces.core, rest: store(pieces.rest, of: subject)))
        index.insert(slot, hash: subject.key.hash(hashKey))
        return slot
    }

    /// Stores another subject with the same key in a slot in use.
    public mutating func replace(at slot: UInt32, by subject: Subject) {
        let pieces = subject.pieces
        places[slot].core = pieces.core
        let rest = places[slot].rest
        switch pieces.rest {
        case .nothing where rest == .nothing: break
        case .extra(let extra) where rest.extra != nil: if let number = rest.extra { extras[number] = extra }
        case .whole where rest.whole != nil: if let number = rest.whole { wholes[number] = subject }
        default:
            free(rest)
            places[slot].rest = store(pieces.rest, of: subject)
        }
    }

    /// Removes the subject of a slot in use.
    public mutating func remove(_ slot: UInt32) {
        index.remove(slot, hash: subject(at: slot).key.hash(hashKey))
        free(places[slot].rest)
        places.remove(slot)
    }

    /// Removes all subjects and gives the memory back.
    public mutating func removeAll() {
        places.removeAll()
        extras.removeAll()
        wholes.removeAll()
        index.removeAll()
    }

    private mutating func store(
        _ rest: SubjectPieces<Subject.Core, Subject.Extra>.Rest, of subject: Subject
    ) -> RestPlace {
        switch rest {
        case .nothing: .nothing
        case .extra(let extra): .extra(extras.insert(extra))
        case .whole: .whole(wholes.insert(subject))
        }
    }

    private mutating func free(_ rest: RestPlace) {
        if let number = rest.extra { extras.remove(number) }
        if let number = rest.whole { wholes.remove(number) }
    }
}

/// Where the rest of a subject lies, in four bytes.
private struct RestPlace: BitwiseCopyable, Equatable {
    private static let extraBit: UInt32 = 0x8000_0000
    private static let wholeBit: UInt32 = 0x4000_0000

    private let number: UInt32

    static let nothing = RestPlace(number: 0)
    static func extra(_ slot: UInt32) -> RestPlace { RestPlace(number: extraBit | slot) }
    static func whole(_ slot: UInt32) -> RestPlace { RestPlace(number: wholeBit | slot) }

    var extra: UInt32? { number & Self.extraBit == 0 ? nil : number & ~Self.extraBit }
    var whole: UInt32? { number & Self.wholeBit == 0 ? nil : number & ~Self.wholeBit }
}
