/// One deadline for each case of an enum: all the timers of a machine, and one answer to "when next?".
///
/// `Timer` declares `UInt8` raw values from zero without gaps, so that the table is an array and not a dictionary.
public struct TimerTable<Timer: CaseIterable & RawRepresentable & Sendable>: Sendable where Timer.RawValue == UInt8 {
    private var deadlines: [Instant]

    /// Makes a table in which no timer runs.
    public init() {
        deadlines = Array(repeating: .never, count: Timer.allCases.count)
        for timer in Timer.allCases {
            precondition(Int(timer.rawValue) < deadlines.count, "timer \(timer) lies outside its table")
        }
    }

    /// Starts a timer, or moves it.
    public mutating func set(_ timer: Timer, at deadline: Instant) { deadlines[Int(timer.rawValue)] = deadline }

    /// Starts a timer only if it does not run.
    public mutating func setIfStopped(_ timer: Timer, at deadline: Instant) {
        if !isRunning(timer) { set(timer, at: deadline) }
    }

    /// Stops a timer.
    public mutating func stop(_ timer: Timer) { deadlines[Int(timer.rawValue)] = .never }

    /// Whether a timer runs.
    public func isRunning(_ timer: Timer) -> Bool { deadlines[Int(timer.rawValue)] != .never }

    /// The earliest deadline of all, or `never`.
    public var nextDeadline: Instant { deadlines.min() ?? .never }

    /// Whether a timer is due; a due timer is stopped by this call.
    public mutating func fires(_ timer: Timer, at now: Instant) -> Bool {
        guard deadlines[Int(timer.rawValue)] <= now else { return false }
        stop(timer)
        return true
    }
}
