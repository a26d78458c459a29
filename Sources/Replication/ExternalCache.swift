public import Bytes
public import Conntrack
internal import DequeModule

/// An external cache: what peers told us about, each entry with its origin and the version that the origin gave it.
///
/// There is one of flows and one of expectations.
///
/// The receiver's whole rule stands here: a message about a flow is applied if its origin ranks higher than that of
/// what the cache holds, or if it is the same and the version is greater, also than the gap-free version. A delete
/// beyond the gap-free version is remembered, so that an older message that comes late cannot bring its flow back.
///
/// What is called for each flow is specialised: from other modules the compiler calls generic code, which took a fifth
/// of a commit.
public struct ExternalCache<Subject: Announcement>: ~Copyable {
    /// What a peer told of one key.
    public struct Entry {
        public let subject: Subject
        let note: Note

        public var version: UInt64 { note.version }
        public var origin: OriginID { note.origin }
        public var refusal: WriteRefusal? { note.refusal }
        public var isFiltered: Bool { note.isFiltered }
        public var copy: KernelCopy { note.copy }
    }

    /// What the cache notes of one key.
    struct Note: BitwiseCopyable {
        var version: UInt64
        /// The bulk during which it was last told; older ones are swept when the bulk has ended.
        var bulk: UInt32
        /// Who told it.
        var origin: OriginID
        /// A delete that is remembered until the gap-free version passes it.
        var isDeleted = false
        /// Why this node's kernel refused it, if it did: it stays, so that no repair sends it again.
        var refusal: WriteRefusal?
        /// This node takes no part in it (own flows, `ignore-address`): it is held for the digest's sake alone.
        var isFiltered = false
        /// How it stands to the kernel of a hot standby.
        var copy: KernelCopy = []
        /// The dump that showed the copy last, on a short count.
        var seenRound: UInt8 = 0
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

    var table: KeyedTable<Subject, Note>
    /// Who told the entries.
    public private(set) var origins = OriginTable()
    /// Digests of what the leading origin told, without remembered deletes, under its node's key; nil before that is
    /// known.
    public private(set) var digests: DigestTable?
    /// The origin that the digests cover.
    public private(set) var leader: OriginID?
    /// The digests do not cover all entries yet.
    public private(set) var isAddingUp = false
    /// Slots of remembered deletes by origin and age; a slot that was used again since is skipped.
    private var deleted: [Deque<UInt32>] = Array(repeating: [], count: OriginTable.limit)
    /// Entries in the cache, without remembered deletes.
    public private(set) var count = 0
    /// How many of them no other kernel can go on with.
    public private(set) var boundCount = 0
    /// The copies in the kernel of a hot standby; nil on a cold one.
    public internal(set) var copies: CopyQueue?

    /// Makes an empty cache; `isHot` if what it holds is to be in the kernel too.
    public init(key: SipHash.Key, limit: Int, isHot: Bool = false) {
        table = KeyedTable(key: key)
        self.limit = limit
        copies = isHot ? CopyQueue() : nil
    }

    /// Whether no further key is taken.
    public var isFull: Bool { table.count >= limit }

    /// Slots ever used, for walks.
    public var slotLimit: UInt32 { table.slotLimit }

    /// The entry of a slot, or nil if it is free or a remembered delete.
    @specialized(where Subject == Flow)
    public func entry(at slot: UInt32) -> Entry? {
        guard table.contains(slot), !table[slot].isDeleted else { return nil }
        return Entry(subject: table.subject(at: slot), note: table[slot])
    }

    /// The entry with this key, or nil.
    @specialized(where Subject == Flow)
    public func entry(of key: Subject.Key) -> Entry? { table.find(key).flatMap { entry(at: $0) } }

    /// The slot of the entry with this key, or nil.
    @specialized(where Subject == Flow)
    public func slot(of key: Subject.Key) -> UInt32? { table.find(key).flatMap { table[$0].isDeleted ? nil : $0 } }

    /// Opens an origin that begins to speak.
    public mutating func open(_ rank: OriginRank) -> OriginID {
        if let id = origins.open(rank) { return id }
        // Dozens of runs have left entries that no bulk has retired: the two oldest become one.
        let left = origins.left
        precondition(left.count >= 2, "a node has fewer peers than half the table")
        for slot in 0..<table.slotLimit where table.contains(slot) && table[slot].origin == left[0] {
            move(slot, to: left[1])
        }
        deleted[Int(left[1])].append(contentsOf: deleted[Int(left[0])])
        deleted[Int(left[0])].removeAll()
        guard let id = origins.open(rank) else { preconditionFailure("a place has just become free") }
        return id
    }

    /// Applies what a peer told; the whole of it, not a part.
    @specialized(where Subject == Flow)
    public mutating func apply(
        _ subject: Subject, version: UInt64, origin: OriginID, bulk: UInt32, isFiltered: Bool = false
    ) -> Outcome {
        let told = Note(version: version, bulk: bulk, origin: origin, isFiltered: isFiltered)
        guard let slot = table.find(subject.key) else {
            guard table.count < limit else { return .full }
            origins.count(origin, by: 1)
            let slot = table.insert(subject, told)
            enter(subject, origin, slot)
            markDue(slot)
            return .inserted
        }
        let held = table[slot]
        let old = table.subject(at: slot)
        guard isNewer(origin, version, than: held) else {
            guard origin == held.origin, version == held.version, !held.isDeleted else { return .stale }
            // Told again: it is confirmed, and what is stored gives way to what was meant.
            table[slot].bulk = bulk
            let isSame = old == subject
            if !isSame {
                change(old, of: held.origin, to: subject, origin, slot)
                if copies != nil { markDue(slot, subject.difference(fromCopy: old)) }
            }
            return isSame ? .stale : .updated
        }
        if held.isDeleted {
            enter(subject, origin, slot)
            table.replace(at: slot, by: subject)
        } else {
            change(old, of: held.origin, to: subject, origin, slot)
        }
        move(slot, to: origin)
        table[slot] = told
        table[slot].copy = held.copy
        table[slot].seenRound = held.seenRound
        if copies != nil {
            let isNew = held.isDeleted || held.refusal != nil
            markDue(slot, isNew ? .changeable : subject.difference(fromCopy: old))
        }
        return held.isDeleted ? .inserted : .updated
    }

    /// Whether a word of an origin counts more than what is held.
    private func isNewer(_ origin: OriginID, _ version: UInt64, than held: Note) -> Bool {
        origin == held.origin ? version > held.version : origins.rank(origin, isAbove: held.origin)
    }

    /// Applies a delete that a peer told.
    @specialized(where Subject == Flow)
    public mutating func delete(_ key: Subject.Key, version: UInt64, origin: OriginID) -> Outcome {
        guard let slot = table.find(key) else {
            guard table.count < limit else { return .full }
            let slot = table.insert(
                .placeholder(key), Note(version: version, bulk: 0, origin: origin, isDeleted: true))
            origins.count(origin, by: 1)
            deleted[Int(origin)].append(slot)
            return .unknown
        }
        let held = table[slot]
        guard isNewer(origin, version, than: held) else { return .stale }
        if !held.isDeleted { leave(table.subject(at: slot), held.origin, slot) }
        if !held.isDeleted || held.origin != origin { deleted[Int(origin)].append(slot) }
        move(slot, to: origin)
        table[slot].version = version
        table[slot].isDeleted = true
        forgetCopy(slot)
        return held.isDeleted ? .stale : .removed
    }

    /// Forgets the deletes of an origin that no late message can contradict any more, oldest first, at most `limit`.
    @specialized(where Subject == Flow)
    public mutating func forgetDeletes(upTo gapFree: UInt64, origin: OriginID, limit: Int) {
        var looked = 0
        while looked < limit, let slot = deleted[Int(origin)].first {
            looked += 1
            if table.contains(slot), table[slot].isDeleted, table[slot].origin == origin {
                guard table[slot].version <= gapFree else { return }
                origins.count(origin, by: -1)
                table.remove(slot)
            }
            deleted[Int(origin)].removeFirst()
        }
    }

    /// Notes that an origin has taken a term, or that it leads.
    public mutating func raise(_ origin: OriginID, to rank: OriginRank) { origins.raise(origin, to: rank) }

    /// Notes that an origin says nothing more: what it told stays, and nothing late of it can come.
    public mutating func close(_ origin: OriginID) {
        forgetDeletes(upTo: .max, origin: origin, limit: .max)
        origins.close(origin)
    }

    /// Whether the entry of a slot is swept when a bulk of an origin has ended: neither sent nor confirmed during it,
    /// or told by an origin of lower rank.
    @specialized(where Subject == Flow)
    public func isSwept(at slot: UInt32, origin: OriginID, bulk: UInt32, bulkEnd: UInt64) -> Bool {
        guard table.contains(slot), !table[slot].isDeleted else { return false }
        let note = table[slot]
        if note.origin == origin { return note.bulk < bulk && note.version <= bulkEnd }
        return origins.rank(origin, isAbove: note.origin)
    }

    /// Removes the entry of a slot: adopted, swept, or flushed.
    @specialized(where Subject == Flow)
    public mutating func remove(at slot: UInt32) {
        guard table.contains(slot), !table[slot].isDeleted else { return }
        leave(table.subject(at: slot), table[slot].origin, slot)
        forgetCopy(slot)
        origins.count(table[slot].origin, by: -1)
        table.remove(slot)
    }

    /// Removes the entry of a slot, and remembers it as a delete if it is beyond the gap-free version: an older word
    /// that comes late is none on a new flow.
    @specialized(where Subject == Flow)
    public mutating func takeOut(at slot: UInt32, gapFree: UInt64) {
        guard table.contains(slot), !table[slot].isDeleted else { return }
        guard table[slot].version > gapFree else { return remove(at: slot) }
        let origin = table[slot].origin
        leave(table.subject(at: slot), origin, slot)
        deleted[Int(origin)].append(slot)
        table[slot].isDeleted = true
        forgetCopy(slot)
        // A later bulk may tell the very same word again, and means it.
        table[slot].version -= 1
    }

    /// Notes why the kernel refused the entry of a slot.
    @specialized(where Subject == Flow)
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
        for place in deleted.indices { deleted[place].removeAll() }
        origins.removeCounts()
        count = 0
        boundCount = 0
        isAddingUp = false
        if copies != nil { copies = CopyQueue() }
        if let key = digests?.key { digests = DigestTable(key: key) }
    }

    /// Confirms what a bulk did not send because its bucket is equal on both nodes.
    @specialized(where Subject == Flow)
    public mutating func confirm(at slot: UInt32, origin: OriginID, bulk: UInt32) {
        guard table.contains(slot), !table[slot].isDeleted else { return }
        table[slot].bulk = bulk
        let held = table[slot]
        guard held.origin != origin else { return }
        let subject = table.subject(at: slot)
        leave(subject, held.origin, slot)
        move(slot, to: origin)
        // Versions of another origin mean nothing in this one; any change of its own is newer.
        table[slot].version = 0
        enter(subject, origin, slot)
    }

    /// Takes in what a bulk did not send because its bucket is equal on both nodes, and what is not here.
    ///
    /// A delete that is remembered gives way, and its version still keeps older words out.
    @specialized(where Subject == Flow)
    public mutating func confirm(_ subject: Subject, origin: OriginID, bulk: UInt32) {
        guard let slot = table.find(subject.key), table[slot].isDeleted else {
            _ = apply(subject, version: 0, origin: origin, bulk: bulk)
            return
        }
        let version = table[slot].origin == origin ? table[slot].version : 0
        move(slot, to: origin)
        table.replace(at: slot, by: subject)
        table[slot] = Note(version: version, bulk: bulk, origin: origin)
        enter(subject, origin, slot)
        markDue(slot)
    }

    // MARK: Digests

    /// Digests are to cover this origin from now on, under its node's key; the audit adds up what is here.
    public mutating func follow(_ origin: OriginID, key: SipHash.Key) {
        guard leader != origin || digests?.key != key else { return }
        leader = origin
        digests = DigestTable(key: key)
        isAddingUp = origins.entries(of: origin) > 0
    }

    /// Nobody leads any more.
    public mutating func followNobody() {
        leader = nil
        digests = nil
        isAddingUp = false
    }

    /// Adds up the entries that are stored in the next slots, and begins anew behind the last.
    ///
    /// Returns the buckets that were not as the changes had left them: stored bytes changed by accident.
    @specialized(where Subject == Flow)
    public mutating func audit(slots: UInt32) -> [Int] {
        guard let running = digests else { return [] }
        let first = running.nextAuditSlot ?? 0
        if running.nextAuditSlot == nil { digests?.beginAudit() }
        let end = min(table.slotLimit, first + slots)
        for slot in first..<max(first, end) {
            let stored = entry(at: slot)
            digests?.audit(stored?.origin == leader ? stored?.subject.digested : nil)
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

    private mutating func enter(_ subject: Subject, _ origin: OriginID, _ slot: UInt32) {
        count += 1
        countCopy(slot, by: 1)
        if subject.isBoundToItsKernel { boundCount += 1 }
        if origin == leader, let flow = subject.digested { digests?.add(flow, at: slot) }
    }

    private mutating func leave(_ subject: Subject, _ origin: OriginID, _ slot: UInt32) {
        count -= 1
        countCopy(slot, by: -1)
        if subject.isBoundToItsKernel { boundCount -= 1 }
        if origin == leader, let flow = subject.digested { digests?.remove(flow, at: slot) }
    }

    private mutating func change(
        _ old: Subject, of oldOrigin: OriginID, to subject: Subject, _ origin: OriginID, _ slot: UInt32
    ) {
        if oldOrigin == origin, origin == leader, let old = old.digested, let new = subject.digested {
            digests?.replace(old, by: new, at: slot)
        } else if oldOrigin != origin {
            leave(old, oldOrigin, slot)
            enter(subject, origin, slot)
        }
        table.replace(at: slot, by: subject)
    }

    private mutating func move(_ slot: UInt32, to origin: OriginID) {
        guard table[slot].origin != origin else { return }
        origins.count(table[slot].origin, by: -1)
        origins.count(origin, by: 1)
        table[slot].origin = origin
    }
}

extension ExternalCache.Entry where Subject == Flow {
    /// The flow that the peer told of.
    public var flow: Flow { subject }
}
