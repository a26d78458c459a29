public import StateMachine

/// SplitMix64: small, seeded and the same everywhere; all chance of a run comes from one of these.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// Makes a generator; equal seeds give equal runs.
    public init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Whether something of this probability, in percent, happens.
    public mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    /// A number of a range.
    public mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// A number of microseconds of a range, as a span.
    public mutating func microseconds(_ range: ClosedRange<Int>) -> Instant.Span {
        .microseconds(UInt64(Int.random(in: range, using: &self)))
    }
}
