/// What the kernel said of one expectation.
public struct ExpectationEvent: BitwiseCopyable, Sendable, Equatable {
    public var kind: FlowEvent.Kind
    public var origin: FlowEvent.Origin
    public var expectation: Expectation

    /// Makes an event.
    public init(_ kind: FlowEvent.Kind, _ expectation: Expectation, origin: FlowEvent.Origin = .kernel) {
        self.kind = kind
        self.origin = origin
        self.expectation = expectation
    }
}
