public import Bytes
public import Conntrack

/// A record that is found by its flow's original tuple.
public protocol FlowRecord: BitwiseCopyable {
    /// The flow that the record is about.
    var flow: Flow { get }
}

/// Records of flows in a slab, and the index on their original tuple: the store beneath every cache.
public struct FlowTable<Record: FlowRecord>: ~Copyable {
    private let key: SipHash.Key
    private var records = Slab<Record>()
    private var index = SlotIndex()

    /// Makes an empty table; `key` is chance, so that nobody outside can choose tuples that collide.
    public init(key: SipHash.Key) { self.key = key }

    /// Records stored now.
    public var count: Int { records.count }

    /// Slots ever used: a walk over `0..<slotLimit` that skips free slots meets every record.
    public var slotLimit: UInt32 { records.slotLimit }

    /// Whether a slot holds a record.
    public func contains(_ slot: UInt32) -> Bool { records.contains(slot) }

    /// The slot of a tuple, or nil.
    public func find(_ original: Tuple) -> UInt32? {
        index.find(hash: original.hash(key)) { records[$0].flow.original == original }
    }

    /// The record of a slot in use.
    ///
    /// Its original tuple must not be changed.
    public subscript(slot: UInt32) -> Record {
        _read { yield records[slot] }
        _modify { yield &records[slot] }
    }

    /// Stores a record whose tuple is not in the table.
    public mutating func insert(_ record: Record) -> UInt32 {
        let slot = records.insert(record)
        index.insert(slot, hash: record.flow.original.hash(key))
        return slot
    }

    /// Removes the record of a slot in use.
    public mutating func remove(_ slot: UInt32) {
        index.remove(slot, hash: records[slot].flow.original.hash(key))
        records.remove(slot)
    }

    /// Removes all records and gives the memory back.
    public mutating func removeAll() {
        records.removeAll()
        index.removeAll()
    }
}
