/// Finds slots by the hash of their key: open addressing with linear probing, no memory per entry beside its cell.
///
/// The index stores slots and 32 bits of their hash, never keys: the owner compares keys, and passes the same hash
/// for the same key each time. At most three quarters of the cells are used; growth doubles them.
public struct SlotIndex: ~Copyable {
    /// Cells of (hash's low 32 bits << 32 | slot + 1); zero is empty.
    @usableFromInline var cells: [UInt64]
    @usableFromInline var mask: Int
    /// Slots in the index.
    public private(set) var count = 0

    /// Makes an index of 64 cells.
    public init() {
        cells = Array(repeating: 0, count: 64)
        mask = 63
    }

    /// The slot with this hash whose key `matches`, or nil.
    @inlinable public func find(hash: UInt64, matches: (UInt32) -> Bool) -> UInt32? {
        let tag = hash & 0xffff_ffff
        var position = Int(truncatingIfNeeded: tag) & mask
        while cells[position] != 0 {
            if cells[position] >> 32 == tag {
                let slot = UInt32(truncatingIfNeeded: cells[position]) - 1
                if matches(slot) { return slot }
            }
            position = (position + 1) & mask
        }
        return nil
    }

    /// Adds a slot; the owner knows that its key is not in the index.
    public mutating func insert(_ slot: UInt32, hash: UInt64) {
        if (count + 1) * 4 > cells.count * 3 { grow() }
        place((hash & 0xffff_ffff) << 32 | UInt64(slot + 1))
        count += 1
    }

    /// Removes a slot that was added under this hash.
    public mutating func remove(_ slot: UInt32, hash: UInt64) {
        let cell = (hash & 0xffff_ffff) << 32 | UInt64(slot + 1)
        var hole = Int(truncatingIfNeeded: hash & 0xffff_ffff) & mask
        while cells[hole] != cell {
            precondition(cells[hole] != 0, "slot \(slot) is not in the index")
            hole = (hole + 1) & mask
        }
        // Backward shift: a later cell of the same run moves into the hole if its home lies at or before the hole.
        var next = (hole + 1) & mask
        while cells[next] != 0 {
            let home = Int(truncatingIfNeeded: cells[next] >> 32) & mask
            if (next - home) & mask >= (next - hole) & mask {
                cells[hole] = cells[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        cells[hole] = 0
        count -= 1
    }

    /// Removes all slots and gives the memory back.
    public mutating func removeAll() {
        cells = Array(repeating: 0, count: 64)
        mask = 63
        count = 0
    }

    private mutating func grow() {
        let old = cells
        cells = Array(repeating: 0, count: old.count * 2)
        mask = cells.count - 1
        for cell in old where cell != 0 { place(cell) }
    }

    private mutating func place(_ cell: UInt64) {
        var position = Int(truncatingIfNeeded: cell >> 32) & mask
        while cells[position] != 0 { position = (position + 1) & mask }
        cells[position] = cell
    }
}
