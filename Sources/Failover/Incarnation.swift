/// One run of one agent: a number that grows with every start.
public struct Incarnation: Hashable, Comparable, Sendable {
    /// The number that datagrams carry and the state directory keeps.
    public let number: UInt64

    /// The incarnation of a run that starts now.
    ///
    /// - Parameters:
    ///   - startTime: the start of this run since 1970, in a unit that every run keeps to. The start time alone falls
    ///     behind when a clock is set back, the stored number alone when the state directory is lost; the larger of
    ///     the two survives either.
    ///   - stored: the incarnation stored by the last run, 0 if there is none.
    public init(startTime: UInt64, stored: UInt64) {
        number = max(startTime, stored == .max ? stored : stored + 1)
    }

    /// Orders incarnations by their start.
    public static func < (left: Incarnation, right: Incarnation) -> Bool { left.number < right.number }
}
