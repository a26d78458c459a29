/// One number for each case of an enum: every drop and every refusal has a name that `status` can print.
///
/// `Counter` declares `UInt8` raw values from zero without gaps. A counter's name in reports is its case in snake_case.
public struct CounterTable<Counter: CaseIterable & RawRepresentable & Sendable>: Sendable
where Counter.RawValue == UInt8 {
    private var values: [UInt64]

    /// Makes a table of zeros.
    public init() { values = Array(repeating: 0, count: Counter.allCases.count) }

    /// The value of one counter.
    public subscript(counter: Counter) -> UInt64 { values[Int(counter.rawValue)] }

    /// Adds to a counter; wraps at 2^64.
    public mutating func count(_ counter: Counter, by amount: Int = 1) {
        values[Int(counter.rawValue)] &+= UInt64(amount)
    }

    /// The sums of two tables.
    public func adding(_ other: Self) -> Self {
        var sum = self
        for place in values.indices { sum.values[place] &+= other.values[place] }
        return sum
    }

    /// All counters together.
    public var total: UInt64 { values.reduce(0, &+) }

    /// Names and values in the order of declaration.
    public var listing: [(name: String, value: UInt64)] {
        Counter.allCases.map { (Self.reportName(of: $0), self[$0]) }
    }

    /// A counter's name in reports, as in `bad_magic`.
    public static func reportName(of counter: Counter) -> String {
        String(describing: counter).reduce(into: "") { name, character in
            if character.isUppercase { name += "_" }
            name += character.lowercased()
        }
    }
}
