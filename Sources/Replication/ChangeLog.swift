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
    /// What the log holds for one flow.
    public struct Entry {
        public let flow: Flow
        let note: FlowNote

        public var state: State { note.state }
        public var traits: Traits { note.traits }
        /// When it last changed, on the log's own count.
        public var version: UInt64 { note.links.version }
    }

    /// What the log notes of one flow.
    struct FlowNote: BitwiseCopyable {
        var links: LogLinks
        var state = State.live
        var traits: Traits
        var condemnedAt: Instant = .origin
    }

    /// What the log holds for one expectation.
    public struct ExpectationEntry {
        public let expectation: Expectation
        let note: ExpectationNote

        /// Gone; the entry stays until every peer knows.
        public var isTombstone: Bool { note.isTombstone }
        /// When it last changed, on the log's own count.
        public var version: UInt64 { note.links.version }
    }

    /// What the log notes of one expectation.
    struct ExpectationNote: BitwiseCopyable {
        var links: LogLinks
        var isTombstone = false
    }

    /// What stands at one place of the log.
    public enum Change {
        case flow(Entry)
        case expectation(ExpectationEntry)

        /// When it last changed.
        public var version: UInt64 {
            switch self {
            case .flow(let entry): entry.version
            case .expectation(let entry): entry.version
            }
        }
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
        public let rawValue: UInt16

        /// Makes a set from bits of our own.
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// The kernel announced this flow by an event of its own: it is certainly not a copy.
        public static let seenNew = Traits(rawValue: 1)
        /// Written by a commit with the liberal flag, which is to be cleared.
        public static let madeLiberal = Traits(rawValue: 2)
        /// A tuple that was destroyed and came anew before the destroy was sent: one message says both.
        public static let replacement = Traits(rawValue: 4)
        /// Destroyed here and pardoned: the peers keep it, this node's kernel does not have it.
        public static let lost = Traits(rawValue: 8)
        /// Written with a timeout that packets do not move, and made anew by this agent as long as packets come.
        public static let renewed = Traits(rawValue: 16)
        /// The kernel saw a packet since the flow was made anew.
        public static let alive = Traits(rawValue: 32)
        /// Written by a commit; what the kernel made of it, a dump tells.
        public static let unverified = Traits(rawValue: 64)
        /// Of a log that a demotion ended: the new master has said that the flow is gone.
        public static let ended = Traits(rawValue: 128)
        /// The kernel told of a change of this flow while this node was master: its packets came here.
        public static let carried = Traits(rawValue: 256)
        /// Taken over as a copy: its timeout in the kernel is a lease, as long as no packet has passed.
        public static let leased = Traits(rawValue: 512)
    }

    /// What an observation did.
    public enum Observation: Sendable, Equatable {
        case inserted
        case changed
        /// Nothing that a peer must know.
        case refreshed
    }

    /// Names a cursor of this log.
    public struct Cursor: Hashable, Sendable {
        let place: Int
    }

    /// Cursors at most: three for each of seven peers, and the shared one.
    public static let cursorLimit = 24
    /// Tombstones at most; the oldest are dropped beyond it, and a peer that did not know them needs a bulk.
    public let tombstoneLimit: Int

    var table: KeyedTable<Flow, FlowNote>
    /// Digests of all flows but tombstones: what a peer that follows must hold too.
    public internal(set) var digests: DigestTable
    var expectations: KeyedTable<Expectation, ExpectationNote>
    var oldest = LogPlace.none
    var newest = LogPlace.none
    /// Held destroys and tombstones by age.
    ///
    /// A place whose entry has changed since is skipped when its turn comes.
    private var condemnedByAge: Deque<(slot: UInt32, version: UInt64, at: Instant)> = []
    var tombstonesByAge: Deque<(place: LogPlace, version: UInt64)> = []
    /// The next place of each open cursor; the flag tells which are open.
    var cursors: [(next: LogPlace, open: Bool)] = []

    /// The version of the last change.
    public internal(set) var latestVersion: UInt64
    /// Every tombstone up to this version has been dropped.
    public internal(set) var tombstoneFloor: UInt64
    /// Tombstones of flows in the log, and of expectations.
    public internal(set) var tombstones = 0
    var expectationTombstones = 0
    /// Flows that no other kernel can go on with.
    public private(set) var boundCount = 0
    /// The current round of mark and sweep.
    public private(set) var round: UInt32 = 0

    /// Makes an empty log that counts on from `latestVersion`; `digestKey` is what peers compare its digests under.
    public init(
        key: SipHash.Key, digestKey: SipHash.Key, latestVersion: UInt64 = 0, tombstoneLimit: Int = 262_144
    ) {
        table = KeyedTable(key: key)
        expectations = KeyedTable(key: key)
        digests = DigestTable(key: digestKey)
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
    public func entry(at slot: UInt32) -> Entry? {
        table.contains(slot) ? Entry(flow: table.subject(at: slot), note: table[slot]) : nil
    }

    /// The entry of a tuple, tombstones included.
    public func entry(of original: Tuple) -> Entry? { table.find(original).flatMap { entry(at: $0) } }

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
    public mutating func observe(_ flow: Flow, _ attributes: FlowAttributes, traits: Traits = []) -> Observation {
        guard let slot = table.find(flow.original) else {
            let slot = table.insert(flow, FlowNote(links: LogLinks(seen: round), traits: traits))
            append(.flow(slot))
            enter(slot)
            return .inserted
        }
        table[slot].links.seen = round
        table[slot].traits.subtract(.lost)
        table[slot].traits.formUnion(traits)
        switch table[slot].state {
        case .tombstone:
            tombstones -= 1
            table.replace(at: slot, by: flow)
            table[slot].traits = traits.union(.replacement)
            table[slot].state = .live
            enter(slot)
            moveToEnd(.flow(slot))
            return .inserted
        case .condemned, .live:
            table[slot].state = .live
            let old = table.subject(at: slot)
            var merged = old
            let isChanged = merged.merge(flow, attributes)
            table.replace(at: slot, by: merged)
            guard isChanged else { return .refreshed }
            digests.replace(old, by: merged, at: slot)
            moveToEnd(.flow(slot))
            return .changed
        }
    }

    /// Takes in a NEW event of a tuple that is there already: the old flow is gone, one message says both.
    public mutating func replace(_ flow: Flow, traits: Traits) {
        guard let slot = table.find(flow.original) else { return _ = observe(flow, .all, traits: traits) }
        if table[slot].state == .tombstone { return _ = observe(flow, .all, traits: traits) }
        digests.replace(table.subject(at: slot), by: flow, at: slot)
        table.replace(at: slot, by: flow)
        table[slot].state = .live
        table[slot].links.seen = round
        table[slot].traits = traits.union(.replacement)
        moveToEnd(.flow(slot))
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
        condemnedByAge.append((slot, table[slot].links.version, now))
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
        let note = table[slot]
        return note.state == .condemned && note.links.version == version && note.condemnedAt == at
    }

    /// Removes a flow without telling anyone: it was not ours to announce.
    @discardableResult
    public mutating func forget(_ original: Tuple) -> Bool {
        guard let slot = table.find(original), table[slot].state != .tombstone else { return false }
        unlink(.flow(slot))
        leave(slot)
        table.remove(slot)
        return true
    }

    /// Notes that this node's kernel does not have a flow that its peers are to keep.
    public mutating func lose(at slot: UInt32) { table[slot].traits.insert(.lost) }

    /// Clears a trait of a slot in use.
    public mutating func clear(_ traits: Traits, at slot: UInt32) { table[slot].traits.subtract(traits) }

    /// Gives a flow a trait, if it is there.
    public mutating func mark(_ traits: Traits, of original: Tuple) {
        if let slot = table.find(original) { table[slot].traits.formUnion(traits) }
    }

    /// Clears a trait of a flow, if it is there.
    public mutating func clear(_ traits: Traits, of original: Tuple) {
        if let slot = table.find(original) { table[slot].traits.subtract(traits) }
    }

    /// Gives a live flow a new version though nothing of it changed that counts as a change.
    public mutating func announce(_ original: Tuple) {
        guard let slot = table.find(original), table[slot].state == .live else { return }
        moveToEnd(.flow(slot))
    }

    // MARK: Mark and sweep

    /// Begins a round: what is not observed in it is missing from the kernel.
    public mutating func beginRound() { round &+= 1 }

    /// Whether a live entry was not seen in this round and has not changed since `version`.
    public func isMissing(at slot: UInt32, unchangedSince version: UInt64) -> Bool {
        guard table.contains(slot) else { return false }
        let note = table[slot]
        return note.state == .live && note.links.seen != round && note.links.version <= version
    }

    private mutating func bury(_ slot: UInt32) {
        table[slot].state = .tombstone
        tombstones += 1
        leave(slot)
        noteTombstone(.flow(slot))
    }

    private mutating func enter(_ slot: UInt32) {
        let flow = table.subject(at: slot)
        digests.add(flow, at: slot)
        if flow.isBoundToItsKernel { boundCount += 1 }
    }

    private mutating func leave(_ slot: UInt32) {
        let flow = table.subject(at: slot)
        digests.remove(flow, at: slot)
        if flow.isBoundToItsKernel { boundCount -= 1 }
    }

    // MARK: The audit

    /// Adds up the flows that are stored in the next slots, and begins anew behind the last.
    ///
    /// Returns the buckets that were not as the changes had left them: stored bytes changed by accident.
    public mutating func audit(slots: UInt32) -> [Int] {
        let first = digests.nextAuditSlot ?? 0
        if digests.nextAuditSlot == nil { digests.beginAudit() }
        let end = min(table.slotLimit, first + slots)
        for slot in first..<max(first, end) {
            let isThere = table.contains(slot) && table[slot].state != .tombstone
            digests.audit(isThere ? table.subject(at: slot) : nil)
        }
        return end >= table.slotLimit ? digests.endAudit() : []
    }
}
