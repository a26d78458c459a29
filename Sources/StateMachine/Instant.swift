/// A point on the monotonic clock, in nanoseconds since an origin that only this run knows.
///
/// Machines never read a clock: whoever drives one passes the instant in, so that a simulation can.
public struct Instant: Hashable, Comparable, BitwiseCopyable, Sendable {
    /// Nanoseconds since the clock's origin (CLOCK_MONOTONIC in production).
    public var nanoseconds: UInt64

    /// The origin of the clock.
    public static let origin = Instant(nanoseconds: 0)

    /// An instant that never comes.
    public static let never = Instant(nanoseconds: .max)

    /// Makes an instant from nanoseconds since the clock's origin.
    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Orders instants by time.
    @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The instant a span later; saturates at `never`.
    @inlinable public static func + (instant: Instant, span: Span) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(span.nanoseconds)
        return overflow ? .never : Instant(nanoseconds: sum)
    }

    /// The span from an earlier instant to this one; zero if the other is later.
    @inlinable public func since(_ earlier: Instant) -> Span {
        Span(nanoseconds: nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0)
    }

    /// A length of time, in nanoseconds.
    public struct Span: Hashable, Comparable, BitwiseCopyable, Sendable {
        /// The length in nanoseconds.
        public var nanoseconds: UInt64

        /// Makes a span from nanoseconds.
        @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
        /// A span of whole microseconds.
        @inlinable public static func microseconds(_ count: UInt64) -> Span { Span(nanoseconds: count * 1_000) }
        /// A span of whole milliseconds.
        @inlinable public static func milliseconds(_ count: UInt64) -> Span { Span(nanoseconds: count * 1_000_000) }
        /// A span of whole seconds.
        @inlinable public static func seconds(_ count: UInt64) -> Span { Span(nanoseconds: count * 1_000_000_000) }
        /// The length in whole milliseconds, rounded down.
        @inlinable public var milliseconds: UInt64 { nanoseconds / 1_000_000 }
        /// The length in seconds.
        @inlinable public var seconds: Double { Double(nanoseconds) / 1e9 }
        /// Orders spans by length.
        @inlinable public static func < (left: Span, right: Span) -> Bool { left.nanoseconds < right.nanoseconds }
    }
}
