/// A point in time as people write it: seconds since 1970-01-01T00:00:00Z, without leap seconds.
public struct WallTime: Hashable, Comparable, Sendable {
    public var seconds: UInt64
    /// Below one billion.
    public var nanoseconds: UInt32

    /// Makes a time.
    public init(seconds: UInt64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Orders by time.
    public static func < (left: WallTime, right: WallTime) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// Whole seconds from an earlier time to this one; zero if the other is later.
    public func secondsSince(_ earlier: WallTime) -> UInt64 {
        guard self > earlier else { return 0 }
        return seconds - earlier.seconds - (nanoseconds < earlier.nanoseconds ? 1 : 0)
    }

    /// The time as in RFC 3339, in UTC with milliseconds: `2026-11-22T13:05:02.380Z`.
    public var rfc3339: String { "\(date)T\(timeOfDay).\(padded(UInt64(nanoseconds / 1_000_000), 3))Z" }

    /// The time for people: `2026-11-22 13:05:02 UTC`.
    public var text: String { "\(date) \(timeOfDay) UTC" }

    private var timeOfDay: String {
        let second = seconds % 86_400
        return "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
    }

    /// The date in the Gregorian calendar, counted in eras of 400 years that begin with 1 March.
    private var date: String {
        let days = seconds / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    private func padded(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension WallTime: Encodable {
    /// Encodes RFC 3339.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rfc3339)
    }
}

extension WallTime: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(seconds)
        body.put(nanoseconds)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        // The year 9999 is the last that RFC 3339 can say.
        let seconds = try body.number(UInt64.self)
        let nanoseconds = try body.number(UInt32.self)
        guard seconds < 253_402_300_800, nanoseconds < 1_000_000_000 else { throw .value }
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }
}
