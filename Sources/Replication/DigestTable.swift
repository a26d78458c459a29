public import Bytes
public import Conntrack

/// Keyed digests of a set of flows, by bucket: two nodes whose buckets are equal hold the same flows.
///
/// A bucket is the sum, with wrap-around, of the digests of its flows, so a change costs two digests and no walk. The
/// key decides the bucket too: nobody outside can choose flows that meet in one, or that cancel each other out.
///
/// The sums are kept beside the flows, so stored bytes that change by accident contradict them. An *audit* walks over
/// the slots, adds up what is stored, and in the end takes those sums for the truth: what was corrupted then differs
/// from the peer's.
public struct DigestTable: Sendable {
    /// Buckets; fixed by the wire's version.
    public static let bucketCount = 4_096

    /// The key of the node whose flows these are.
    public let key: SipHash.Key
    /// The sums.
    public private(set) var buckets: [UInt64]
    /// The sum of all buckets.
    public private(set) var total: UInt64 = 0
    private var audited: [UInt64] = []
    /// Slots below this one have been added up by the audit that runs.
    private var auditSlot: UInt32?

    /// Makes the digests of no flow.
    public init(key: SipHash.Key) {
        self.key = key
        buckets = Array(repeating: 0, count: Self.bucketCount)
    }

    /// The bucket of a flow.
    public func bucket(of original: Tuple) -> Int { Self.bucket(of: original, key: key) }

    /// The bucket of a flow under a key.
    public static func bucket(of original: Tuple, key: SipHash.Key) -> Int {
        Int(truncatingIfNeeded: original.hash(key) >> 52)
    }

    /// Takes in a flow that stands in a slot.
    public mutating func add(_ flow: Flow, at slot: UInt32) {
        change(bucket(of: flow.original), by: flow.digest(key), at: slot)
    }

    /// Takes out a flow that stands in a slot.
    public mutating func remove(_ flow: Flow, at slot: UInt32) {
        change(bucket(of: flow.original), by: 0 &- flow.digest(key), at: slot)
    }

    /// Takes in that a flow has changed where it stands; its original tuple is the same.
    public mutating func replace(_ old: Flow, by new: Flow, at slot: UInt32) {
        change(bucket(of: new.original), by: new.digest(key) &- old.digest(key), at: slot)
    }

    private mutating func change(_ bucket: Int, by difference: UInt64, at slot: UInt32) {
        buckets[bucket] &+= difference
        total &+= difference
        if let auditSlot, slot < auditSlot { audited[bucket] &+= difference }
    }

    // MARK: The audit

    /// Begins to add up what is stored.
    public mutating func beginAudit() {
        audited = Array(repeating: 0, count: Self.bucketCount)
        auditSlot = 0
    }

    /// The slot that the audit goes on with; nil if none runs.
    public var nextAuditSlot: UInt32? { auditSlot }

    /// Adds up what is stored in the next slot; nil stands for a slot without a flow.
    public mutating func audit(_ stored: Flow?) {
        guard let slot = auditSlot else { return }
        if let stored { audited[bucket(of: stored.original)] &+= stored.digest(key) }
        auditSlot = slot + 1
    }

    /// Ends an audit; what is stored is the truth from now on.
    ///
    /// Returns the buckets that were not as the sums said.
    public mutating func endAudit() -> [Int] {
        guard auditSlot != nil else { return [] }
        auditSlot = nil
        let wrong = buckets.indices.filter { buckets[$0] != audited[$0] }
        if !wrong.isEmpty {
            buckets = audited
            total = buckets.reduce(0, &+)
        }
        audited = []
        return wrong
    }
}

/// A set of buckets.
public struct BucketSet: Sendable, Equatable {
    /// Bits, the lowest bucket in the lowest bit.
    public private(set) var words: [UInt64]

    /// Makes a set of no buckets.
    public init() { words = Array(repeating: 0, count: DigestTable.bucketCount / 64) }

    /// Buckets in the set.
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Whether a bucket is in the set.
    public func contains(_ bucket: Int) -> Bool { words[bucket / 64] >> UInt64(bucket % 64) & 1 == 1 }

    /// Puts a bucket into the set.
    public mutating func insert(_ bucket: Int) { words[bucket / 64] |= 1 << UInt64(bucket % 64) }

    /// Takes over one word of bits, as a peer told it.
    public mutating func set(word: Int, to bits: UInt64) { words[word] = bits }
}
