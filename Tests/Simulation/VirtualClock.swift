public import StateMachine

/// The one time of a run; it stands still while anybody works.
public final class VirtualClock {
    /// The present.
    public internal(set) var now = VirtualClock.beginning
    /// The instant at which every run begins.
    static let beginning = Instant(nanoseconds: 1_000_000_000_000)

    /// Makes a clock.
    public init() {}

    /// The present in seconds since the start of the run, for texts.
    public var text: String {
        let microseconds = now.since(Self.beginning).nanoseconds / 1_000
        let fraction = String(microseconds % 1_000_000 + 1_000_000).dropFirst()
        return "\(microseconds / 1_000_000).\(fraction)"
    }
}
