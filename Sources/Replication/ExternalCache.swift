public import Bytes
public import Conntrack
internal import DequeModule

/// The external cache: the flows that a peer told us about, each with the version that the peer gave it.
///
/// The receiver's whole rule stands here: a message about a flow is applied if its (era, version) is greater than what
/// the cache holds for that flow and greater than the gap-free version. A delete beyond the gap-free version is
/// remembered, so that an older message that comes late cannot bring its flow back.
public struct ExternalCache: ~Copyable {
    /// What a peer told of one tuple.
    public struct Entry: FlowRecord {
        public var flow: Flow
        public var version: UInt64
        /// Which incarnation of the peer told it, on this node's own count.
        public var era: UInt32
        /// The bulk during which it was last told; older ones are swept when the bulk has ended.
        public var bulk: UInt32
        /// A delete that is remembered until the gap-free version passes it.
        public var isDeleted: Bool
        /// Why this node's kernel refused the flow, if it did: it stays, so that no repair sends it again.
        public var refusal: WriteRefusal?
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

    private var table: FlowTable<Entry>
    /// Slots of remembered deletes by age; a slot that was used again since is skipped.
    private var deleted: Deque<UInt32> = []
    /// Flows in the cache, without remembered deletes.
    public private(set) var flowCount = 0

    /// Makes an empty cache.
    public init(key: SipHash.Key, limit: Int) {
        table = FlowTable(key: key)
        self.limit = limit
    }

    /// Slots ever used, for walks.
    public var slotLimit: UInt32 { table.slotLimit }

    /// The entry of a slot, or nil if it is free or a remembered delete.
    public func entry(at slot: UInt32) -> Entry? {
        guard table.contains(slot), !table[slot].isDeleted else { return nil }
        return table[slot]
    }

    /// The flow with this original tuple, or nil.
    public func entry(of original: Tuple) -> Entry? { table.find(original).flatMap { entry(at: $0) } }

    /// Applies a flow that a peer told; the whole flow, not a part.
    public mutating func apply(_ flow: Flow, version: UInt64, era: UInt32, bulk: UInt32) -> Outcome {
        let told = Entry(flow: flow, version: version, era: era, bulk: bulk, isDeleted: false, refusal: nil)
        guard let slot = table.find(flow.original) else {
            guard table.count < limit else { return .full }
            _ = table.insert(told)
            flowCount += 1
            return .inserted
        }
        let held = table[slot]
        guard (era, version) > (held.era, held.version) else {
            // Told again by the bulk that runs: it is confirmed, not changed.
            if (era, version) == (held.era, held.version) { table[slot].bulk = bulk }
            return .stale
        }
        table[slot] = told
        if held.isDeleted { flowCount += 1 }
        return held.isDeleted ? .inserted : .updated
    }

    /// Applies a delete that a peer told.
    public mutating func delete(_ original: Tuple, version: UInt64, era: UInt32) -> Outcome {
        guard let slot = table.find(original) else {
            guard table.count < limit else { return .full }
            let flow = Flow(original: original, reply: original.inverted)
            let slot = table.insert(
                Entry(flow: flow, version: version, era: era, bulk: 0, isDeleted: true, refusal: nil))
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
        flowCount -= 1
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

    /// Removes the flow of a slot: adopted, swept, or flushed.
    public mutating func remove(at slot: UInt32) {
        guard table.contains(slot), !table[slot].isDeleted else { return }
        table.remove(slot)
        flowCount -= 1
    }

    /// Notes why the kernel refused the flow of a slot.
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
        flowCount = 0
    }
}
