/// Where an entry of the change log lies: a slot of the flows' table, or of the expectations'.
struct LogPlace: Hashable, BitwiseCopyable, Sendable {
    private static let expectationBit: UInt32 = 0x8000_0000

    private let number: UInt32

    /// Before the first entry, and behind the last.
    static let none = LogPlace(number: .max)

    /// The place of a flow.
    static func flow(_ slot: UInt32) -> LogPlace { LogPlace(number: slot) }

    /// The place of an expectation.
    static func expectation(_ slot: UInt32) -> LogPlace { LogPlace(number: slot | expectationBit) }

    var isExpectation: Bool { number & Self.expectationBit != 0 }

    var slot: UInt32 { number & ~Self.expectationBit }
}

/// How an entry stands in the log: its version, its neighbours, and when a dump last showed it.
struct LogLinks: BitwiseCopyable, Sendable {
    var version: UInt64 = 0
    var previous = LogPlace.none
    var next = LogPlace.none
    /// The mark-and-sweep round that last saw it in the kernel.
    var seen: UInt32
}
