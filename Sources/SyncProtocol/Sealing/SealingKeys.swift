public import StateMachine

/// The ids of the keys that a node has, and which of them seals; the keys themselves are elsewhere.
public struct SealingKeys: Equatable, Sendable {
    /// Keys at once at most: a roll-over needs two.
    public static let limit = 8

    /// One key.
    public struct Key: Equatable, Sendable {
        public let id: UInt8
        /// Datagrams that it opened.
        public internal(set) var opened: UInt64 = 0
        /// When it last opened one.
        public internal(set) var lastOpened: Instant?
    }

    /// Why a change was refused.
    public enum Refusal: Error, Equatable, Sendable {
        /// Ids are 1 to 255.
        case unusableID
        /// A key with this id is here.
        case known
        /// No key with this id is here.
        case unknown
        /// There are `limit` keys.
        case full
        /// It seals what is sent.
        case inUse
        /// Nothing can be sealed without a key.
        case none
    }

    /// The keys, in the order in which they came.
    public internal(set) var keys: [Key] = []
    /// The key that seals; nil only while there is none.
    public private(set) var used: UInt8?

    /// Makes an empty ring.
    public init() {}

    /// Whether a key is here.
    public func contains(_ id: UInt8) -> Bool { keys.contains { $0.id == id } }

    /// Takes a key in; the first one seals.
    public mutating func add(_ id: UInt8) throws(Refusal) {
        guard id != 0 else { throw .unusableID }
        guard !contains(id) else { throw .known }
        guard keys.count < Self.limit else { throw .full }
        keys.append(Key(id: id))
        if used == nil { used = id }
    }

    /// Seals with another key from now on.
    public mutating func use(_ id: UInt8) throws(Refusal) {
        guard contains(id) else { throw .unknown }
        used = id
    }

    /// Gives a key up; the one that seals only when nothing is sealed.
    public mutating func remove(_ id: UInt8, whileSealing seals: Bool) throws(Refusal) {
        guard contains(id) else { throw .unknown }
        if used == id {
            guard !seals else { throw .inUse }
            used = keys.first { $0.id != id }?.id
        }
        keys.removeAll { $0.id == id }
    }

    mutating func noteOpened(_ id: UInt8, at now: Instant) {
        guard let place = keys.firstIndex(where: { $0.id == id }) else { return }
        keys[place].opened &+= 1
        keys[place].lastOpened = now
    }
}
