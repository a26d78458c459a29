internal import ControlProtocol
internal import Glibc

/// This machine's clocks, as a command needs them.
enum MachineClock {
    /// The time of day.
    static var wallTime: WallTime {
        let now = read(CLOCK_REALTIME)
        return WallTime(seconds: UInt64(max(0, now.tv_sec)), nanoseconds: UInt32(now.tv_nsec))
    }

    /// Nanoseconds of CLOCK_MONOTONIC, the agent's clock.
    static var monotonicNanoseconds: UInt64 {
        let now = read(CLOCK_MONOTONIC)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var now = timespec()
        _ = unsafe clock_gettime(clock, &now)
        return now
    }
}
