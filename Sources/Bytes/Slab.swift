/// Storage of equal-sized elements under small numbers that stay valid: the slots.
///
/// Memory comes and goes in chunks, so growth copies nothing and moves no element, and neither growing nor shrinking
/// costs more at any size. The lowest chunk with room takes the next element, so that the highest ones drain. A slot is
/// only valid between `insert` and `remove`; using another traps.
@safe public struct Slab<Element: BitwiseCopyable>: ~Copyable {
    /// A place in the slab.
    public typealias Slot = UInt32

    @usableFromInline static var chunkBits: UInt32 { 10 }
    @usableFromInline static var chunkSize: Int { 1 << Int(chunkBits) }
    /// Words of a chunk in `occupied`.
    private static var chunkWords: Int { chunkSize / 64 }

    /// One chunk each; memory stands behind those alone that hold an element.
    @usableFromInline var chunks: [UnsafeMutablePointer<Element>]
    /// One bit a slot: whether it is in use.
    @usableFromInline var occupied: [UInt64]
    /// Elements of each chunk.
    private var counts: [UInt16] = []
    /// One bit a chunk: whether it has room.
    private var room: [UInt64] = []
    /// The memory of the chunk that was emptied last.
    private var spare: UnsafeMutablePointer<Element>?
    /// Elements stored now.
    public private(set) var count = 0
    /// A walk over `0..<slotLimit` meets every element.
    public private(set) var slotLimit: Slot = 0

    /// Makes an empty slab without memory.
    public init() {
        unsafe chunks = []
        occupied = []
        unsafe spare = nil
    }

    deinit {
        for index in counts.indices where counts[index] > 0 { unsafe chunks[index].deallocate() }
        unsafe spare?.deallocate()
    }

    /// Stores an element and returns its slot.
    public mutating func insert(_ element: Element) -> Slot {
        let chunk = chunkWithRoom()
        if counts[chunk] == 0 { unsafe chunks[chunk] = takeMemory() }
        var word = chunk * Self.chunkWords
        while occupied[word] == .max { word += 1 }
        let bit = (~occupied[word]).trailingZeroBitCount
        occupied[word] |= 1 << UInt64(bit)
        let slot = Slot(word << 6 + bit)
        unsafe chunks[chunk][Int(slot) & (Self.chunkSize - 1)] = element
        counts[chunk] += 1
        if counts[chunk] == Self.chunkSize { room[chunk >> 6] &= ~(1 << UInt64(chunk & 63)) }
        count += 1
        slotLimit = max(slotLimit, slot + 1)
        return slot
    }

    /// Frees a slot.
    public mutating func remove(_ slot: Slot) {
        precondition(contains(slot), "slot \(slot) is not in use")
        let chunk = Int(slot >> Self.chunkBits)
        occupied[Int(slot >> 6)] &= ~(1 << UInt64(slot & 63))
        room[chunk >> 6] |= 1 << UInt64(chunk & 63)
        counts[chunk] -= 1
        count -= 1
        guard counts[chunk] == 0 else { return }
        unsafe leaveMemory(chunks[chunk])
        while counts.last == 0 { removeLastChunk() }
        slotLimit = min(slotLimit, Slot(counts.count << Int(Self.chunkBits)))
    }

    /// Frees all slots and their memory.
    public mutating func removeAll() { self = Slab() }

    /// The lowest chunk with room; a new one behind the last if there is none.
    private mutating func chunkWithRoom() -> Int {
        for word in room.indices where room[word] != 0 {
            return word << 6 + room[word].trailingZeroBitCount
        }
        let chunk = counts.count
        precondition(chunk < 1 << Int(32 - Self.chunkBits) - 1, "slots have 32 bits")
        let memory = unsafe takeMemory()
        unsafe chunks.append(memory)
        unsafe leaveMemory(memory)
        counts.append(0)
        occupied.append(contentsOf: repeatElement(0, count: Self.chunkWords))
        if chunk & 63 == 0 { room.append(0) }
        room[chunk >> 6] |= 1 << UInt64(chunk & 63)
        return chunk
    }

    private mutating func removeLastChunk() {
        let chunk = counts.count - 1
        unsafe chunks.removeLast()
        counts.removeLast()
        occupied.removeLast(Self.chunkWords)
        room[chunk >> 6] &= ~(1 << UInt64(chunk & 63))
        if chunk & 63 == 0 { room.removeLast() }
    }

    private mutating func takeMemory() -> UnsafeMutablePointer<Element> {
        guard let memory = unsafe spare else { return .allocate(capacity: Self.chunkSize) }
        unsafe spare = nil
        return unsafe memory
    }

    /// Keeps one chunk's memory at hand, so that a slab which moves about a chunk's boundary allocates nothing.
    private mutating func leaveMemory(_ memory: UnsafeMutablePointer<Element>) {
        unsafe spare?.deallocate()
        unsafe spare = memory
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
