public import Bytes
public import Conntrack
internal import DequeModule
public import StateMachine

/// The internal cache, which *is* the log of its changes: every flow stands at the place of its last change.
///
/// Each entry carries a *version*, given at its last change, and the entries are linked in version order: a change
/// moves its flow to the end, a destroy leaves a tombstone there. What has not been sent to a peer is what lies
/// beyond that peer's cursor; nothing else queues. Versions are never reused and, after coalescing, sparse.
///
/// ```
///   oldest                                                      newest
///   ┌────┐   ┌────┐   ┌────┐   ┌────┐   ┌────┐   ┌────┐
///   │ v3 │ ↔ │ v7 │ ↔ │ v8 │ ↔ │†v9 │ ↔ │v12 │ ↔ │v13 │
///   └────┘   └────┘   └────┘   └────┘   └────┘   └────┘
///              ↑ backfill                   ↑ live                † tombstone
/// ```
public struct ChangeLog: ~Copyable {
    /// What the log holds for one tuple.
    public struct Entry: FlowRecord {
        public var flow: Flow
        /// When it last changed, on the log's own count.
        public var version: UInt64
        public var state: State
        public var traits: Traits
        /// The mark-and-sweep round that last saw the flow in the kernel.
        var seen: UInt32 = 0
        var previous: UInt32
        var next: UInt32
        var condemnedAt: Instant = .origin
    }

    /// What became of the flow.
    public enum State: UInt8, BitwiseCopyable, Sendable {
        case live
        /// Destroyed by something that was neither its end nor its expiry: held back for a while, because a demotion
        /// destroys flows a moment before anyone is told.
        case condemned
        /// Gone; the entry stays until every peer knows.
        case tombstone
    }

    /// What else is known of an entry.
    public struct Traits: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt8

        /// Makes a set from bits of our own.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The kernel announced this flow by an event of its own: it is certainly not a copy.
        public static let seenNew = Traits(rawValue: 1)
        /// Written by a commit with the liberal flag, which is to be cleared.
        public static let madeLiberal = Traits(rawValue: 2)
        /// A tuple that was destroyed and came anew before the destroy was sent: one message says both.
        public static let replacement = Traits(rawValue: 4)
        /// Destroyed here and pardoned: the peers keep it, this node's kernel does not have it.
        public static let lost = Traits(rawValue: 8)
    }

    /// What an observation did.
    public enum Change: Sendable, Equatable {
        case inserted
        case changed
        /// Nothing that a peer must know.
        case refreshed
    }

    /// Names a cursor of this log.
    public struct Cursor: Hashable, Sendable {
        let place: Int
    }

    private static var none: UInt32 { Slab<Entry>.none }

    /// Cursors at most: a live and a backfill cursor for each of eight peers.
    public static let cursorLimit = 16
    /// Tombstones at most; the oldest are dropped beyond it, and a peer that did not know them needs a bulk.
    public let tombstoneLimit: Int

    private var table: FlowTable<Entry>
    private var oldest: UInt32 = ChangeLog.none
    private var newest: UInt32 = ChangeLog.none
    /// Held destroys and tombstones by age.
    ///
    /// A place whose entry has changed since is skipped when its turn comes.
    private var condemnedByAge: Deque<(slot: UInt32, version: UInt64, at: Instant)> = []
    private var tombstonesByAge: Deque<(slot: UInt32, version: UInt64)> = []
    /// The next slot of each open cursor; the flag tells which are open.
    private var cursors: [(next: UInt32, open: Bool)] = []

    /// The version of the last change.
    public private(set) var latestVersion: UInt64
    /// Every tombstone up to this version has been dropped.
    public private(set) var tombstoneFloor: UInt64
    /// Tombstones in the log.
    public private(set) var tombstones = 0
    /// The current round of mark and sweep.
    public private(set) var round: UInt32 = 0

    /// Makes an empty log that counts on from `latestVersion`.
    public init(key: SipHash.Key, latestVersion: UInt64 = 0, tombstoneLimit: Int = 262_144) {
        table = FlowTable(key: key)
        self.latestVersion = latestVersion
        self.tombstoneFloor = latestVersion
        self.tombstoneLimit = tombstoneLimit
        cursors.reserveCapacity(Self.cursorLimit)
    }

    // MARK: Reading

    /// Flows in the log, without tombstones.
    public var flowCount: Int { table.count - tombstones }

    /// Slots ever used, for walks.
    public var slotLimit: UInt32 { table.slotLimit }

    /// The entry of a slot, or nil if the slot is free.
    public func entry(at slot: UInt32) -> Entry? { table.contains(slot) ? table[slot] : nil }

    /// The entry of a tuple, tombstones included.
    public func entry(of original: Tuple) -> Entry? { table.find(original).map { table[$0] } }

    /// Whether a flow with this original tuple is there, condemned ones included.
    public func holds(_ original: Tuple) -> Bool {
        guard let slot = table.find(original) else { return false }
        return table[slot].state != .tombstone
    }

    // MARK: Changing

    /// Takes in what the kernel told of a flow; a part of it, or all.
    ///
    /// A flow that was condemned or gone and is told of again lives.
    @discardableResult
    public mutating func observe(_ flow: Flow, _ attributes: FlowAttributes, traits: Traits = []) -> Change {
        guard let slot = table.find(flow.original) else {
            let slot = table.insert(
                Entry(
                    flow: flow, version: 0, state: .live, traits: traits, seen: round, previous: Self.none,
                    next: Self.none))
            append(slot)
            return .inserted
        }
        table[slot].seen = round
        table[slot].traits.subtract(.lost)
        table[slot].traits.formUnion(traits)
        switch table[slot].state {
        case .tombstone:
            tombstones -= 1
            table[slot].flow = flow
            table[slot].traits = traits.union(.replacement)
            table[slot].state = .live
            moveToEnd(slot)
            return .inserted
        case .condemned:
            table[slot].state = .live
            let changed = table[slot].flow.merge(flow, attributes)
            if changed { moveToEnd(slot) }
            return changed ? .changed : .refreshed
        case .live:
            guard table[slot].flow.merge(flow, attributes) else { return .refreshed }
            moveToEnd(slot)
            return .changed
        }
    }

    /// Takes in a NEW event of a tuple that is there already: the old flow is gone, one message says both.
    public mutating func replace(_ flow: Flow, traits: Traits) {
        guard let slot = table.find(flow.original) else { return _ = observe(flow, .all, traits: traits) }
        if table[slot].state == .tombstone { return _ = observe(flow, .all, traits: traits) }
        table[slot].flow = flow
        table[slot].state = .live
        table[slot].seen = round
        table[slot].traits = traits.union(.replacement)
        moveToEnd(slot)
    }

    /// Turns a flow into a tombstone; false if there was none.
    @discardableResult
    public mutating func destroy(_ original: Tuple) -> Bool {
        guard let slot = table.find(original), table[slot].state != .tombstone else { return false }
        bury(slot)
        return true
    }

    /// Holds a destroy back until `release` or `pardon`; false if the flow is not there or already held.
    @discardableResult
    public mutating func condemn(_ original: Tuple, at now: Instant) -> Bool {
        guard let slot = table.find(original), table[slot].state == .live else { return false }
        table[slot].state = .condemned
        table[slot].condemnedAt = now
        condemnedByAge.append((slot, table[slot].version, now))
        return true
    }

    /// When the oldest held destroy was taken in, or nil if none is held.
    public var oldestCondemnation: Instant? { condemnedByAge.first?.at }

    /// Lets the destroys travel that were held since before `deadline`, oldest first; returns how many.
    public mutating func release(heldSince deadline: Instant, limit: Int) -> Int {
        var released = 0
        while released < limit, let held = condemnedByAge.first, held.at <= deadline {
            condemnedByAge.removeFirst()
            if isCondemned(held.slot, held.version, held.at) {
                bury(held.slot)
                released += 1
            }
        }
        return released
    }

    /// Drops all held destroys: the flows stay, as the peers know them.
    ///
    /// Returns how many.
    public mutating func pardon() -> Int {
        var pardoned = 0
        while let held = condemnedByAge.popFirst() {
            if isCondemned(held.slot, held.version, held.at) {
                table[held.slot].state = .live
                table[held.slot].traits.insert(.lost)
                pardoned += 1
            }
        }
        return pardoned
    }

    private func isCondemned(_ slot: UInt32, _ version: UInt64, _ at: Instant) -> Bool {
        guard table.contains(slot) else { return false }
        let entry = table[slot]
        return entry.state == .condemned && entry.version == version && entry.condemnedAt == at
    }

    /// Removes a flow without telling anyone: it was not ours to announce.
    @discardableResult
    public mutating func forget(_ original: Tuple) -> Bool {
        guard let slot = table.find(original), table[slot].state != .tombstone else { return false }
        unlink(slot)
        table.remove(slot)
        return true
    }

    /// Notes that this node's kernel does not have a flow that its peers are to keep.
    public mutating func lose(at slot: UInt32) { table[slot].traits.insert(.lost) }

    /// Clears a trait of a slot in use.
    public mutating func clear(_ traits: Traits, at slot: UInt32) { table[slot].traits.subtract(traits) }

    // MARK: Mark and sweep

    /// Begins a round: what is not observed in it is missing from the kernel.
    public mutating func beginRound() { round &+= 1 }

    /// Whether a live entry was not seen in this round and has not changed since `version`.
    public func isMissing(at slot: UInt32, unchangedSince version: UInt64) -> Bool {
        guard table.contains(slot) else { return false }
        let entry = table[slot]
        return entry.state == .live && entry.seen != round && entry.version <= version
    }

    // MARK: Cursors

    /// Opens a cursor at the oldest entry or behind the newest.
    public mutating func openCursor(atStart: Bool) -> Cursor {
        let next = atStart ? oldest : Self.none
        if let place = cursors.firstIndex(where: { !$0.open }) {
            cursors[place] = (next, true)
            return Cursor(place: place)
        }
        precondition(cursors.count < Self.cursorLimit, "a log has at most \(Self.cursorLimit) cursors")
        cursors.append((next, true))
        return Cursor(place: cursors.count - 1)
    }

    /// Moves a cursor to the oldest entry or behind the newest.
    public mutating func move(_ cursor: Cursor, toStart: Bool) {
        cursors[cursor.place].next = toStart ? oldest : Self.none
    }

    /// Closes a cursor.
    public mutating func close(_ cursor: Cursor) { cursors[cursor.place] = (Self.none, false) }

    /// The entry that a cursor stands before, or nil at the end.
    public func peek(_ cursor: Cursor) -> Entry? {
        let slot = cursors[cursor.place].next
        return slot == Self.none ? nil : table[slot]
    }

    /// Moves a cursor on by one entry.
    public mutating func advance(_ cursor: Cursor) {
        let slot = cursors[cursor.place].next
        guard slot != Self.none else { return }
        cursors[cursor.place].next = table[slot].next
    }

    /// Places a cursor before the first entry whose version is greater than `version`; walks back from the end.
    public mutating func move(_ cursor: Cursor, behind version: UInt64) {
        var slot = newest
        var next = Self.none
        while slot != Self.none, table[slot].version > version {
            next = slot
            slot = table[slot].previous
        }
        cursors[cursor.place].next = next
    }

    /// Drops the tombstones that every peer knows: those up to `version`, oldest first, at most `limit`.
    public mutating func dropTombstones(upTo version: UInt64, limit: Int) {
        var dropped = 0
        while dropped < limit, let place = tombstonesByAge.first, place.version <= version {
            tombstonesByAge.removeFirst()
            guard table.contains(place.slot), table[place.slot].version == place.version,
                table[place.slot].state == .tombstone
            else { continue }
            tombstoneFloor = max(tombstoneFloor, place.version)
            unlink(place.slot)
            table.remove(place.slot)
            tombstones -= 1
            dropped += 1
        }
    }

    // MARK: The list

    private mutating func bury(_ slot: UInt32) {
        table[slot].state = .tombstone
        tombstones += 1
        moveToEnd(slot)
        tombstonesByAge.append((slot, table[slot].version))
        if tombstones > tombstoneLimit { dropTombstones(upTo: latestVersion, limit: 1) }
    }

    private mutating func moveToEnd(_ slot: UInt32) {
        unlink(slot)
        append(slot)
    }

    private mutating func append(_ slot: UInt32) {
        latestVersion += 1
        table[slot].version = latestVersion
        table[slot].previous = newest
        table[slot].next = Self.none
        if newest == Self.none { oldest = slot } else { table[newest].next = slot }
        newest = slot
        for place in cursors.indices where cursors[place].open && cursors[place].next == Self.none {
            cursors[place].next = slot
        }
    }

    private mutating func unlink(_ slot: UInt32) {
        let (previous, next) = (table[slot].previous, table[slot].next)
        if previous == Self.none { oldest = next } else { table[previous].next = next }
        if next == Self.none { newest = previous } else { table[next].previous = previous }
        for place in cursors.indices where cursors[place].next == slot { cursors[place].next = next }
    }
}
