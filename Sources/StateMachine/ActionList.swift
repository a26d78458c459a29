/// What a machine asks for, in order.
///
/// The machine performs nothing: whoever called its verb carries the list out.
public struct ActionList<Action>: Sequence {
    private var actions: [Action] = []

    /// Makes an empty list.
    public init() {}

    /// Makes a list of actions.
    public init(_ actions: Action...) { self.actions = actions }

    /// Appends an action.
    public mutating func append(_ action: Action) { actions.append(action) }

    /// Whether nothing is asked for.
    public var isEmpty: Bool { actions.isEmpty }

    /// The actions in order.
    public func makeIterator() -> IndexingIterator<[Action]> { actions.makeIterator() }
}

extension ActionList: Sendable where Action: Sendable {}
extension ActionList: Equatable where Action: Equatable {}
