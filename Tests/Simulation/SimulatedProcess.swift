/// One run of an agent, as far as it may end anywhere: behind so many more steps, what it does reaches nobody.
///
/// A step is a write, a datagram, or another word to the kernel.
public final class SimulatedProcess {
    private var stepsLeft = Int.max

    /// Makes a process that does not end by itself.
    public init() {}

    /// Whether it has come to its end.
    var hasEnded: Bool { stepsLeft == 0 }

    /// Lets it end behind so many more steps.
    func end(after steps: Int) { stepsLeft = steps }

    /// Takes a step; false if it is one too many.
    func takeStep() -> Bool {
        guard stepsLeft > 0 else { return false }
        if stepsLeft != .max { stepsLeft -= 1 }
        return true
    }
}
