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

    private static func read() -> timespec {
        var time = timespec()
        let result = unsafe clock_gettime(CLOCK_REALTIME, &time)
        precondition(result == 0 && time.tv_sec >= 0, "CLOCK_REALTIME cannot be read or lies before 1970")
        return time
    }
}
