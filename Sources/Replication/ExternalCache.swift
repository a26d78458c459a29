public import Bytes
public import Conntrack
internal import DequeModule

/// What a node announces to its peers: a flow or an expectation.
public protocol Announcement: BitwiseCopyable, Sendable, Equatable {
    associatedtype Key: TableKey
    /// What it is told apart by.
    var key: Key { get }
    /// What stands in its place when only its end was told.
    static func placeholder(_ key: Key) -> Self
    /// Whether no other kernel can go on with it.
    var isBoundToItsKernel: Bool { get }
    /// The flow, if digests cover it.
    var digested: Flow? { get }
}

extension Flow: Announcement {
    /// The original tuple.
    public var key: Tuple { original }

    /// A flow of which nothing is known but its tuple.
    public static func placeholder(_ key: Tuple) -> Flow { Flow(original: key, reply: key.inverted) }

    /// Every flow is.
    public var digested: Flow? { self }
}

extension Expectation: Announcement {
    /// An expectation of which nothing is known but its key.
    public static func placeholder(_ key: ExpectationKey) -> Expectation { Expectation(key: key, master: key.tuple) }

    /// Never: the function and the helper that it names are modules of every kernel.
    public var isBoundToItsKernel: Bool { false }

    /// None: they are few, and every bulk carries them.
    public var digested: Flow? { nil }
}

/// An external cache: what a peer told us about, each with the version that the peer gave it.
///
/// There is one of flows and one of expectations.
///
/// The receiver's whole rule stands here: a message about a flow is applied if its (era, version) is greater than what
/// the cache holds for that flow and greater than the gap-free version. A delete beyond the gap-free version is
/// remembered, so that an older message that comes late cannot bring its flow back.
public struct ExternalCache<Subject: Announcement>: ~Copyable {
    /// What a peer told of one key.
    public struct Entry: KeyedRecord {
        public var subject: Subject
        public var version: UInt64
        /// Which incarnation of the peer told it, on this node's own count.
        public var era: UInt32
        /// The bulk during which it was last told; older ones are swept when the bulk has ended.
        public var bulk: UInt32
        /// A delete that is remembered until the gap-free version passes it.
        public var isDeleted: Bool
        /// Why this node's kernel refused it, if it did: it stays, so that no repair sends it again.
        public var refusal: WriteRefusal?
        /// This node takes no part in it (own flows, `ignore-address`): it is held for the digest's sake alone.
        public var isFiltered = false

        /// What it is found by.
        public var key: Subject.Key { subject.key }
    }

    /// What a message did.
    public enum Outcome: Sendable, Equatable {
        case inserted
        case updated
        case removed
        /// Older than what the cache holds, or told before.
        case stale
        /// A delete of a flow that is not here.
        case unknown
        /// The cache is at its limit.
        case full
    }

    /// Entries at most.
    public let limit: Int

    var table: KeyedTable<Entry>
    /// Digests of all entries but remembered deletes, under the key of the peer that told them; nil before it is known.
    public private(set) var digests: DigestTable?
    /// The digests do not cover all entries yet.
    public private(set) var isAddingUp = false
    /// Slots of remembered deletes by age; a slot that was used again since is skipped.
    private var deleted: Deque<UInt32> = []
    /// Entries in the cache, without remembered deletes.
    public private(set) var count = 0
    /// How many of them no other kernel can go on with.
    public private(set) var boundCount = 0

    /// Makes an empty cache.
    public init(key: SipHash.Key, limit: Int) {
        table = KeyedTable(key: key)
        self.limit = limit
    }

    /// Slots ever used, for walks.
    public var slotLimit: UInt32 { table.slotLimit }

    /// The entry of a slot, or nil if it is free or a remembered delete.
    public func entry(at slot: UInt32) -> Entry? {
        guard table.contains(slot), !table[slot].isDeleted else { return nil }
        return table[slot]
    }

    /// The entry with this key, or nil.
    public func entry(of key: Subject.Key) -> Entry? { table.find(key).flatMap { entry(at: $0) } }

    /// Applies what a peer told; the whole of it, not a part.
    public mutating func apply(
        _ subject: Subject, version: UInt64, era: UInt32, bulk: UInt32, isFiltered: Bool = false
    ) -> Outcome {
        let told = Entry(
            subject: subject, version: version, era: era, bulk: bulk, isDeleted: false, refusal: nil,
            isFiltered: isFiltered)
        guard let slot = table.find(subject.key) else {
            guard table.count < limit else { return .full }
            enter(subject, table.insert(told))
            return .inserted
        }
        let held = table[slot]
        guard (era, version) > (held.era, held.version) else {
            guard (era, version) == (held.era, held.version), !held.isDeleted else { return .stale }
            // Told again: it is confirmed, and what is stored gives way to what was meant.
            table[slot].bulk = bulk
            let isSame = held.subject == subject
            if !isSame { change(slot, to: subject) }
            return isSame ? .stale : .updated
        }
        if held.isDeleted { enter(subject, slot) } else { change(slot, to: subject) }
        table[slot] = told
        return held.isDeleted ? .inserted : .updated
    }

    /// Applies a delete that a peer told.
    public mutating func delete(_ key: Subject.Key, version: UInt64, era: UInt32) -> Outcome {
        guard let slot = table.find(key) else {
            guard table.count < limit else { return .full }
            let slot = table.insert(
                Entry(
                    subject: .placeholder(key), version: version, era: era, bulk: 0, isDeleted: true,
                    refusal: nil))
            deleted.append(slot)
            return .unknown
        }
        let held = table[slot]
        guard (era, version) > (held.era, held.version) else { return .stale }
        table[slot].version = version
        table[slot].era = era
        guard !held.isDeleted else { return .stale }
        table[slot].isDeleted = true
        deleted.append(slot)
        leave(held.subject, slot)
        return .removed
    }

    /// Forgets the deletes that no late message can contradict any more, oldest first, at most `limit`.
    public mutating func forgetDeletes(upTo gapFree: UInt64, era: UInt32, limit: Int) {
        var looked = 0
        while looked < limit, let slot = deleted.first {
            looked += 1
            if table.contains(slot), table[slot].isDeleted {
                guard table[slot].era < era || table[slot].version <= gapFree else { return }
                table.remove(slot)
            }
            deleted.removeFirst()
        }
    }

    /// Whether the entry of a slot is swept when a bulk has ended: neither sent nor confirmed during it.
    public func isSwept(at slot: UInt32, era: UInt32, bulk: UInt32, bulkEnd: UInt64) -> Bool {
        guard let entry = entry(at: slot) else { return false }
        return entry.era < era || (entry.bulk < bulk && entry.version <= bulkEnd)
    }

    /// Removes the entry of a slot: adopted, swept, or flushed.
    public mutating func remove(at slot: UInt32) {
        guard table.contains(slot), !table[slot].isDeleted else { return }
        leave(table[slot].subject, slot)
        table.remove(slot)
    }

    /// Notes why the kernel refused the entry of a slot.
    public mutating func refuse(at slot: UInt32, _ refusal: WriteRefusal) {
        guard table.contains(slot) else { return }
        table[slot].refusal = refusal
    }

    /// Gives the memory back once nothing is left, so that walks are short again.
    public mutating func shrinkIfEmpty() {
        if table.count == 0 { removeAll() }
    }

    /// Removes everything.
    public mutating func removeAll() {
        table.removeAll()
        deleted.removeAll()
        count = 0
        boundCount = 0
        isAddingUp = false
        if let key = digests?.key { digests = DigestTable(key: key) }
    }

    /// Confirms what a bulk did not send because its bucket is equal on both nodes.
    public mutating func confirm(at slot: UInt32, era: UInt32, bulk: UInt32) {
        guard table.contains(slot), !table[slot].isDeleted else { return }
        // Versions of another era mean nothing in this one; any change of the peer's is newer.
        if table[slot].era != era { table[slot].version = 0 }
        table[slot].era = era
        table[slot].bulk = bulk
    }

    // MARK: Digests

    /// Digests are to be under this key from now on; the audit adds up what is here.
    public mutating func setDigestKey(_ key: SipHash.Key) {
        guard digests?.key != key else { return }
        digests = DigestTable(key: key)
        isAddingUp = table.count > 0
    }

    /// Adds up the entries that are stored in the next slots, and begins anew behind the last.
    ///
    /// Returns the buckets that were not as the changes had left them: stored bytes changed by accident.
    public mutating func audit(slots: UInt32) -> [Int] {
        guard let running = digests else { return [] }
        let first = running.nextAuditSlot ?? 0
        if running.nextAuditSlot == nil { digests?.beginAudit() }
        let end = min(table.slotLimit, first + slots)
        for slot in first..<max(first, end) {
            let stored = entry(at: slot)?.subject.digested
            digests?.audit(stored)
        }
        guard end >= table.slotLimit else { return [] }
        isAddingUp = false
        return digests?.endAudit() ?? []
    }

    /// Adds up all that is stored before the digests count again: they were doubted.
    public mutating func addUpAnew() {
        digests?.beginAudit()
        isAddingUp = digests != nil
    }

    private mutating func enter(_ subject: Subject, _ slot: UInt32) {
        count += 1
        if subject.isBoundToItsKernel { boundCount += 1 }
        if let flow = subject.digested { digests?.add(flow, at: slot) }
    }

    private mutating func leave(_ subject: Subject, _ slot: UInt32) {
        count -= 1
        if subject.isBoundToItsKernel { boundCount -= 1 }
        if let flow = subject.digested { digests?.remove(flow, at: slot) }
    }

    private mutating func change(_ slot: UInt32, to subject: Subject) {
        if let old = table[slot].subject.digested, let new = subject.digested {
            digests?.replace(old, by: new, at: slot)
        }
        table[slot].subject = subject
    }
}

extension ExternalCache.Entry where Subject == Flow {
    /// The flow that the peer told of.
    public var flow: Flow { subject }
}
