/// SipHash with a 128-bit key (Aumasson and Bernstein, 2012) over 64-bit words: 1-3 rounds for tables and digests.
///
/// Whoever does not know the key cannot choose flows that collide. The words are taken as the little-endian message
/// of the specification, so whole-word messages give the published values.
public struct SipHash: Sendable, BitwiseCopyable {
    /// A key: two words of chance, or derived from a shared key.
    public struct Key: Sendable, BitwiseCopyable, Equatable {
        let k0: UInt64
        let k1: UInt64

        /// Makes a key of two words.
        public init(_ k0: UInt64, _ k1: UInt64) {
            self.k0 = k0
            self.k1 = k1
        }

        /// The two words, for a peer that is to compare digests.
        public var words: (UInt64, UInt64) { (k0, k1) }
    }

    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    private var words: UInt64 = 0

    /// Begins a hash.
    @inlinable public init(_ key: Key) { self.init(key: key) }

    @usableFromInline init(key: Key) {
        v0 = key.k0 ^ 0x736f_6d65_7073_6575
        v1 = key.k1 ^ 0x646f_7261_6e64_6f6d
        v2 = key.k0 ^ 0x6c79_6765_6e65_7261
        v3 = key.k1 ^ 0x7465_6462_7974_6573
    }

    /// Takes in one word.
    public mutating func combine(_ word: UInt64) {
        v3 ^= word
        round()
        v0 ^= word
        words &+= 1
    }

    /// Ends the hash; `tail` are the last bytes of a message that is not whole words, at most seven.
    public consuming func finish(tail: UInt64 = 0, tailCount: UInt64 = 0) -> UInt64 {
        precondition(tailCount < 8)
        let length = (words &* 8 &+ tailCount) & 0xff
        let last = length << 56 | tail
        v3 ^= last
        round()
        v0 ^= last
        v2 ^= 0xff
        round()
        round()
        round()
        return v0 ^ v1 ^ v2 ^ v3
    }

    @inline(__always) private mutating func round() {
        v0 = v0 &+ v1
        v1 = (v1 << 13 | v1 >> 51) ^ v0
        v0 = v0 << 32 | v0 >> 32
        v2 = v2 &+ v3
        v3 = (v3 << 16 | v3 >> 48) ^ v2
        v0 = v0 &+ v3
        v3 = (v3 << 21 | v3 >> 43) ^ v0
        v2 = v2 &+ v1
        v1 = (v1 << 17 | v1 >> 47) ^ v2
        v2 = v2 << 32 | v2 >> 32
    }
}
