public import Bytes
public import Conntrack

/// What a table finds its records by.
public protocol TableKey: Hashable, BitwiseCopyable, Sendable {
    /// The hash under a key of chance, so that nobody outside can choose values that collide.
    func hash(_ key: SipHash.Key) -> UInt64
}

extension Tuple: TableKey {}
extension ExpectationKey: TableKey {}

/// A record that is found by its key.
public protocol KeyedRecord: BitwiseCopyable {
    associatedtype Key: TableKey
    /// What the record is found by; it never changes.
    var key: Key { get }
}

/// A record that is found by its flow's original tuple.
public protocol FlowRecord: KeyedRecord where Key == Tuple {
    /// The flow that the record is about.
    var flow: Flow { get }
}

extension FlowRecord {
    /// The original tuple.
    public var key: Tuple { flow.original }
}

/// Records in a slab, and the index on their keys: the store beneath every cache.
public struct KeyedTable<Record: KeyedRecord>: ~Copyable {
    private let hashKey: SipHash.Key
    private var records = Slab<Record>()
    private var index = SlotIndex()

    /// Makes an empty table; `hashKey` is chance.
    public init(key hashKey: SipHash.Key) { self.hashKey = hashKey }

    /// Records stored now.
    public var count: Int { records.count }

    /// Slots ever used: a walk over `0..<slotLimit` that skips free slots meets every record.
    public var slotLimit: UInt32 { records.slotLimit }

    /// Whether a slot holds a record.
    public func contains(_ slot: UInt32) -> Bool { records.contains(slot) }

    /// The slot of a key, or nil.
    public func find(_ key: Record.Key) -> UInt32? {
        index.find(hash: key.hash(hashKey)) { records[$0].key == key }
    }

    /// The record of a slot in use.
    public subscript(slot: UInt32) -> Record {
        _read { yield records[slot] }
        _modify { yield &records[slot] }
    }

    /// Stores a record whose key is not in the table.
    public mutating func insert(_ record: Record) -> UInt32 {
        let slot = records.insert(record)
        index.insert(slot, hash: record.key.hash(hashKey))
        return slot
    }

    /// Removes the record of a slot in use.
    public mutating func remove(_ slot: UInt32) {
        index.remove(slot, hash: records[slot].key.hash(hashKey))
        records.remove(slot)
    }

    /// Removes all records and gives the memory back.
    public mutating func removeAll() {
        records.removeAll()
        index.removeAll()
    }
}
