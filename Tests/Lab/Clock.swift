internal import Glibc
internal import StateMachine

/// The two clocks of a measurement: the monotonic one measures, the wall clock lines reports up with other logs.
enum Clock {
    /// Now on the monotonic clock.
    static var now: Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC)) }

    /// An instant on the wall clock, in milliseconds since 1970.
    static func wallMilliseconds(of instant: Instant) -> Double {
        let ago = now.since(instant).nanoseconds
        return Double(read(CLOCK_REALTIME) - ago) / 1e6
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
