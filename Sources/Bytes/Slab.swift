/// Storage of equal-sized elements under small numbers that stay valid: the slots.
///
/// Memory comes in chunks, so growth copies nothing and moves no element; a freed slot is taken again first. Growing
/// and freeing cost the same at any size. A slot is only valid between `insert` and `remove`; using another traps.
@safe public struct Slab<Element: BitwiseCopyable>: ~Copyable {
    /// A place in the slab.
    public typealias Slot = UInt32

    /// No slot.
    @inlinable public static var none: Slot { .max }

    @usableFromInline static var chunkBits: UInt32 { 10 }
    @usableFromInline static var chunkSize: Int { 1 << Int(chunkBits) }

    @usableFromInline var chunks: [UnsafeMutablePointer<Element>]
    /// One bit a slot: whether it is in use.
    @usableFromInline var occupied: [UInt64]
    private var freeSlots: [Slot] = []
    /// Elements stored now.
    public private(set) var count = 0
    /// Slots ever used; a walk over `0..<slotLimit` meets every element.
    public private(set) var slotLimit: Slot = 0

    /// Makes an empty slab without memory.
    public init() {
        unsafe chunks = []
        occupied = []
    }

    deinit {
        for index in unsafe chunks.indices { unsafe chunks[index].deallocate() }
    }

    /// Stores an element and returns its slot.
    public mutating func insert(_ element: Element) -> Slot {
        let slot: Slot
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = slotLimit
            precondition(slot < Self.none)
            if unsafe Int(slot >> Self.chunkBits) == chunks.count {
                unsafe chunks.append(.allocate(capacity: Self.chunkSize))
                occupied.append(contentsOf: repeatElement(0, count: Self.chunkSize / 64))
            }
            slotLimit += 1
        }
        unsafe chunks[Int(slot >> Self.chunkBits)][Int(slot) & (Self.chunkSize - 1)] = element
        occupied[Int(slot >> 6)] |= 1 << UInt64(slot & 63)
        count += 1
        return slot
    }

    /// Frees a slot.
    public mutating func remove(_ slot: Slot) {
        precondition(contains(slot), "slot \(slot) is not in use")
        occupied[Int(slot >> 6)] &= ~(1 << UInt64(slot & 63))
        freeSlots.append(slot)
        count -= 1
    }

    /// Frees all slots and their memory.
    public mutating func removeAll() {
        for index in unsafe chunks.indices { unsafe chunks[index].deallocate() }
        unsafe chunks = []
        occupied = []
        freeSlots = []
        count = 0
        slotLimit = 0
    }

    /// Whether a slot is in use.
    @inlinable public func contains(_ slot: Slot) -> Bool {
        Int(slot >> 6) < occupied.count && occupied[Int(slot >> 6)] & (1 << UInt64(slot & 63)) != 0
    }

    /// The element of a slot in use.
    @inlinable public subscript(slot: Slot) -> Element {
        _read {
            precondition(contains(slot), "the slot is not in use")
            yield unsafe chunks[Int(slot >> Self.chunkBits)][Int(slot) & (Self.chunkSize - 1)]
        }
        _modify {
            precondition(contains(slot), "the slot is not in use")
            yield unsafe &chunks[Int(slot >> Self.chunkBits)][Int(slot) & (Self.chunkSize - 1)]
        }
    }
}
