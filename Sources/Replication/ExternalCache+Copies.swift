internal import Conntrack
internal import DequeModule

/// How an entry of the external cache stands to the kernel of a hot standby.
public struct KernelCopy: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt8

    /// Makes a set from bits of our own.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The kernel has an entry that was written for it.
    public static let isHeld = KernelCopy(rawValue: 1)
    /// What was told last is not in the kernel yet.
    public static let isDue = KernelCopy(rawValue: 2)
    /// Packets pass the kernel's entry: it knows better than what was told.
    public static let isCarried = KernelCopy(rawValue: 4)
    /// The kernel's entry cannot be changed into what was told, or has old windows: it is made anew.
    public static let isOutdated = KernelCopy(rawValue: 8)

    /// The kernel has what was told.
    public var isClean: Bool { contains(.isHeld) && (isDisjoint(with: [.isDue, .isOutdated]) || contains(.isCarried)) }
}

/// How what was told of an entry differs from what its copy in the kernel was written with.
public enum KernelDifference: Sendable {
    case none
    /// An update says it.
    case changeable
    /// The entry is to be made anew.
    case fundamental
}

/// What is to be written into the kernel of a hot standby, and how many copies are there.
public struct CopyQueue: Sendable {
    /// Slots that wait in order at most; behind them a walk over the cache finds the others.
    static let limit = 131_072

    var slots = Deque<UInt32>(minimumCapacity: 4_096)
    /// More were due than the queue holds; a walk stands at this slot.
    var walk: UInt32?
    /// Copies in the kernel.
    public internal(set) var count = 0
    /// Entries that the kernel does not have as they were told.
    public internal(set) var unwritten = 0
    var round: UInt8 = 0
}

extension ExternalCache {
    /// Whether the kernel has copies.
    public var hasCopies: Bool { (copies?.count ?? 0) > 0 }

    /// Whether something waits to be written.
    public var hasDueCopies: Bool { copies.map { !$0.slots.isEmpty || $0.walk != nil } ?? false }

    /// The next entry whose copy is to be written, as not due any more; nil if none is, or not among so many slots.
    @specialized(where Subject == Flow)
    public mutating func nextDue(looking limit: UInt32) -> UInt32? {
        while let slot = copies?.slots.popFirst() {
            if takeDue(slot) { return slot }
        }
        guard let first = copies?.walk else { return nil }
        let end = min(table.slotLimit, first + limit)
        for slot in first..<max(first, end) where takeDue(slot) {
            copies?.walk = slot + 1
            return slot
        }
        copies?.walk = end >= table.slotLimit ? nil : end
        return nil
    }

    private mutating func takeDue(_ slot: UInt32) -> Bool {
        guard table.contains(slot), !table[slot].isDeleted, table[slot].copy.contains(.isDue) else { return false }
        set(table[slot].copy.subtracting(.isDue), at: slot)
        return true
    }

    private mutating func set(_ copy: KernelCopy, at slot: UInt32) {
        copies?.unwritten += (copy.isClean ? 0 : 1) - (table[slot].copy.isClean ? 0 : 1)
        table[slot].copy = copy
    }

    /// Notes that what was told of an entry is to be written into the kernel.
    @specialized(where Subject == Flow)
    public mutating func markDue(_ slot: UInt32) {
        guard let waiting = copies?.slots.count, !table[slot].copy.contains(.isDue) else { return }
        set(table[slot].copy.union(.isDue), at: slot)
        if waiting < CopyQueue.limit { copies?.slots.append(slot) } else { copies?.walk = 0 }
    }

    /// Notes that the kernel has the entry of a slot as it was told.
    @specialized(where Subject == Flow)
    public mutating func hold(_ slot: UInt32) {
        guard table.contains(slot), !table[slot].isDeleted, let queue = copies else { return }
        table[slot].refusal = nil
        if !table[slot].copy.contains(.isHeld) { copies?.count += 1 }
        set(table[slot].copy.union(.isHeld).subtracting([.isCarried, .isOutdated]), at: slot)
        table[slot].seenRound = queue.round
    }

    /// Notes that the kernel has no copy of an entry any more; it is written again if `again`.
    @specialized(where Subject == Flow)
    public mutating func lose(_ slot: UInt32, again: Bool) {
        guard table[slot].copy.contains(.isHeld) else { return }
        copies?.count -= 1
        set(table[slot].copy.subtracting([.isHeld, .isCarried, .isOutdated]), at: slot)
        if again { markDue(slot) }
    }

    /// Notes that every entry that the kernel does not have, and did not refuse, is to be written.
    @specialized(where Subject == Flow)
    public mutating func markLostDue() {
        for slot in 0..<slotLimit where copy(at: slot)?.contains(.isHeld) == false && table[slot].refusal == nil {
            markDue(slot)
        }
    }

    /// Notes that what was told of an entry differs from what its copy was written with.
    mutating func markDue(_ slot: UInt32, _ difference: KernelDifference) {
        guard copies != nil, difference != .none else { return }
        if difference == .fundamental { outdate(slot) }
        markDue(slot)
    }

    /// Notes that the kernel's entry is not what was told, and is to be made anew.
    @specialized(where Subject == Flow)
    public mutating func outdate(_ slot: UInt32) {
        if table[slot].copy.contains(.isHeld) { set(table[slot].copy.union(.isOutdated), at: slot) }
    }

    /// Whether the kernel refused the entry of a slot.
    @specialized(where Subject == Flow)
    public func isRefused(_ slot: UInt32) -> Bool {
        table.contains(slot) && !table[slot].isDeleted && table[slot].refusal != nil
    }

    /// Notes that packets may have passed all copies: they are made anew.
    @specialized(where Subject == Flow)
    public mutating func outdateCopies() {
        guard copies != nil else { return }
        for slot in 0..<table.slotLimit where holdsCopy(at: slot) {
            set(table[slot].copy.union([.isOutdated, .isDue]).subtracting(.isCarried), at: slot)
        }
        copies?.walk = 0
    }

    /// Notes that packets pass the copy with this key.
    @specialized(where Subject == Flow)
    public mutating func carry(_ key: Subject.Key) {
        guard let slot = slot(of: key), table[slot].copy.contains(.isHeld) else { return }
        set(table[slot].copy.union(.isCarried), at: slot)
    }

    /// The slot of a copy that the kernel has, or nil.
    @specialized(where Subject == Flow)
    public func heldCopy(of key: Subject.Key) -> UInt32? {
        guard copies != nil, let slot = slot(of: key), table[slot].copy.contains(.isHeld) else { return nil }
        return slot
    }

    /// How the entry of a slot stands to the kernel; nil if there is none.
    @specialized(where Subject == Flow)
    public func copy(at slot: UInt32) -> KernelCopy? {
        guard table.contains(slot), !table[slot].isDeleted else { return nil }
        return table[slot].copy
    }

    /// Whether the kernel has a copy for the entry of a slot.
    @specialized(where Subject == Flow)
    public func holdsCopy(at slot: UInt32) -> Bool { copy(at: slot)?.contains(.isHeld) ?? false }

    /// The entries that the kernel does not have as they were told.
    ///
    /// A takeover waits for this: where all of them are in the queue, nothing else is looked at.
    @specialized(where Subject == Flow)
    public func unwrittenSlots() -> [UInt32] {
        guard let queue = copies, queue.unwritten > 0 else { return [] }
        if queue.walk == nil, queue.slots.count >= queue.unwritten {
            let waiting = Set(queue.slots.filter { copy(at: $0)?.isClean == false })
            if waiting.count == queue.unwritten { return waiting.sorted() }
        }
        return (0..<table.slotLimit).filter { copy(at: $0)?.isClean == false }
    }

    /// Notes that an entry comes into being, or ends.
    mutating func countCopy(_ slot: UInt32, by change: Int) {
        if !table[slot].copy.isClean { copies?.unwritten += change }
    }

    // MARK: Dumps

    /// A dump begins: what it does not show, the kernel does not have.
    @specialized(where Subject == Flow)
    public mutating func beginRound() { copies?.round &+= 1 }

    /// Notes that the dump has shown a copy; false if there is none with this key.
    @specialized(where Subject == Flow)
    public mutating func see(_ key: Subject.Key) -> Bool {
        guard let round = copies?.round, let slot = heldCopy(of: key) else { return false }
        table[slot].seenRound = round
        return true
    }

    /// Whether a dump that is over did not show the copy of a slot.
    @specialized(where Subject == Flow)
    public func isUnseen(_ slot: UInt32) -> Bool {
        guard let round = copies?.round, holdsCopy(at: slot) else { return false }
        return table[slot].seenRound != round
    }

    mutating func forgetCopy(_ slot: UInt32) {
        if table[slot].copy.contains(.isHeld) { copies?.count -= 1 }
        table[slot].copy = []
    }
}
