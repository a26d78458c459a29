internal import CLinux
internal import Glibc
public import StateMachine

/// The one clock: what every deadline and every span of a run is measured on (CLOCK_MONOTONIC, clock_gettime(2)).
public enum MonotonicClock {
    /// The present instant.
    public static func now() -> Instant {
        var time = timespec()
        let result = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        precondition(result == 0, "CLOCK_MONOTONIC cannot be read")
        return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }
}

/// The calendar, for what people read and for incarnations; never for deadlines, since it is set and stepped.
public enum WallClock {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    public static func seconds() -> UInt64 { UInt64(read().tv_sec) }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    public static func nanoseconds() -> UInt64 {
        let time = read()
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Seconds since 1970-01-01T00:00:00Z as text in UTC (RFC 3339).
    public static func text(of seconds: UInt64) -> String {
        func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        // Days since 0000-03-01, in eras of 400 years: with the leap day last in the year, months follow a line.
        let days = seconds / 86_400 + 719_468
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = days / 146_097 * 400 + yearOfEra + (month < 10 ? 0 : 1)
        let time = seconds % 86_400
        let date = "\(year)-\(two(month < 10 ? month + 3 : month - 9))-\(two(day))"
        return "\(date)T\(two(time / 3_600)):\(two(time / 60 % 60)):\(two(time % 60))Z"
    }

    private static func read() -> timespec {
        var time = timespec()
        let result = unsafe clock_gettime(CLOCK_REALTIME, &time)
        precondition(result == 0 && time.tv_sec >= 0, "CLOCK_REALTIME cannot be read or lies before 1970")
        return time
    }
}
