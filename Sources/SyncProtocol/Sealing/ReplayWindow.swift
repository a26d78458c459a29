/// Which sequence numbers of one sender have been taken: the highest, and a bit for each of those below it.
///
/// A number is fresh if it is above the highest, or within the reach below it and not taken yet (RFC 4303, section
/// 3.4.3). The bits are a ring of words, so that moving on clears whole words and shifts nothing (RFC 6479).
public struct ReplayWindow: Equatable, Sendable {
    /// Numbers below the highest that can still be told apart; far more than one link reorders.
    public static let reach: UInt64 = (words - 1) * wordBits

    private static let wordBits: UInt64 = 64
    private static let words: UInt64 = 128

    /// The highest number taken; all up to the floor count as taken.
    public private(set) var highest: UInt64
    /// Bits above the highest in its own word are zero.
    private var bits: [UInt64]

    /// Makes a window in which every number up to and with `floor` counts as taken.
    public init(above floor: UInt64) {
        highest = floor
        bits = Array(repeating: .max, count: Int(Self.words))
        bits[Self.word(floor)] = Self.bit(floor) | (Self.bit(floor) - 1)
    }

    /// Whether a number has not been taken, as far as can be told.
    public func isFresh(_ number: UInt64) -> Bool {
        if number > highest { return true }
        return highest - number < Self.reach && bits[Self.word(number)] & Self.bit(number) == 0
    }

    /// Takes a number; false if it was taken before, or is too old to tell.
    public mutating func take(_ number: UInt64) -> Bool {
        guard isFresh(number) else { return false }
        if number > highest {
            let first = highest / Self.wordBits
            let moved = min(number / Self.wordBits - first, Self.words)
            for step in 0..<moved { bits[Int((first + 1 + step) % Self.words)] = 0 }
            highest = number
        }
        bits[Self.word(number)] |= Self.bit(number)
        return true
    }

    private static func word(_ number: UInt64) -> Int { Int(number / wordBits % words) }
    private static func bit(_ number: UInt64) -> UInt64 { 1 << (number % wordBits) }
}
