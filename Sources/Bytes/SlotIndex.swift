/// Finds slots by the hash of their key: open addressing with linear probing, no memory per entry beside its cell.
///
/// The index stores slots and 32 bits of their hash, never keys: the owner compares keys, and passes the same hash
/// for the same key each time. It is cut into shards by the hash's highest bits, each of which grows and shrinks by
/// itself, so that no change waits for more than one of them: at most three quarters of a shard's cells are used, and
/// after removals at least an eighth.
@safe public struct SlotIndex: ~Copyable {
    /// What has the same highest bits.
    @usableFromInline @safe struct Shard: BitwiseCopyable {
        /// Of (hash's low 32 bits << 32 | slot + 1); zero is empty.
        @usableFromInline var cells: UnsafeMutablePointer<UInt64>
        @usableFromInline var mask: Int
        var count = 0

        init(cells count: Int) {
            unsafe cells = .allocate(capacity: count)
            unsafe cells.initialize(repeating: 0, count: count)
            mask = count - 1
        }
    }

    @usableFromInline static var shardBits: UInt64 { 6 }
    private static var fewestCells: Int { 8 }

    @usableFromInline var shards: [Shard]
    /// Slots in the index.
    public private(set) var count = 0

    /// Makes an empty index.
    public init() { shards = (0..<1 << Int(Self.shardBits)).map { _ in Shard(cells: Self.fewestCells) } }

    deinit {
        for shard in shards { unsafe shard.cells.deallocate() }
    }

    /// The number of the shard that a hash belongs to.
    @inlinable static func place(of hash: UInt64) -> Int { Int(hash >> (64 - shardBits)) }

    /// The slot with this hash whose key `matches`, or nil.
    @inlinable public func find(hash: UInt64, matches: (UInt32) -> Bool) -> UInt32? {
        let shard = shards[Self.place(of: hash)]
        let tag = hash & 0xffff_ffff
        var position = Int(tag) & shard.mask
        while true {
            let cell = unsafe shard.cells[position]
            if cell == 0 { return nil }
            if cell >> 32 == tag {
                let slot = UInt32(truncatingIfNeeded: cell) - 1
                if matches(slot) { return slot }
            }
            position = (position + 1) & shard.mask
        }
    }

    /// Adds a slot; the owner knows that its key is not in the index.
    public mutating func insert(_ slot: UInt32, hash: UInt64) {
        let place = Self.place(of: hash)
        shards[place].insert((hash & 0xffff_ffff) << 32 | UInt64(slot + 1))
        count += 1
    }

    /// Removes a slot that was added under this hash.
    public mutating func remove(_ slot: UInt32, hash: UInt64) {
        let place = Self.place(of: hash)
        shards[place].remove((hash & 0xffff_ffff) << 32 | UInt64(slot + 1), fewestCells: Self.fewestCells)
        count -= 1
    }

    /// Removes all slots and gives the memory back.
    public mutating func removeAll() { self = SlotIndex() }
}

extension SlotIndex.Shard {
    fileprivate mutating func insert(_ cell: UInt64) {
        if (count + 1) * 4 > (mask + 1) * 3 { resize(to: (mask + 1) * 2) }
        place(cell)
        count += 1
    }

    fileprivate mutating func remove(_ cell: UInt64, fewestCells: Int) {
        var hole = Int(cell >> 32) & mask
        while unsafe cells[hole] != cell {
            precondition(unsafe cells[hole] != 0, "the slot is not in the index")
            hole = (hole + 1) & mask
        }
        // Backward shift: a later cell of the same run moves into the hole if its home lies at or before the hole.
        var next = (hole + 1) & mask
        while unsafe cells[next] != 0 {
            let home = unsafe Int(cells[next] >> 32) & mask
            if (next - home) & mask >= (next - hole) & mask {
                unsafe cells[hole] = cells[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        unsafe cells[hole] = 0
        count -= 1
        if count * 8 < mask + 1, mask + 1 > fewestCells { resize(to: (mask + 1) / 2) }
    }

    private mutating func resize(to size: Int) {
        let old = self
        self = Self(cells: size)
        count = old.count
        for position in 0...old.mask where unsafe old.cells[position] != 0 { unsafe place(old.cells[position]) }
        unsafe old.cells.deallocate()
    }

    private func place(_ cell: UInt64) {
        var position = Int(cell >> 32) & mask
        while unsafe cells[position] != 0 { position = (position + 1) & mask }
        unsafe cells[position] = cell
    }
}
