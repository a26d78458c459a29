public import Conntrack

/// What a node announces to its peers: a flow or an expectation.
public protocol Announcement: TableSubject, Equatable {
    /// What stands in its place when only its end was told.
    static func placeholder(_ key: Key) -> Self
    /// Whether no other kernel can go on with it.
    var isBoundToItsKernel: Bool { get }
    /// The flow, if digests cover it.
    var digested: Flow? { get }
    /// How a copy in the kernel that was written as another subject differs; timeouts do not count.
    func difference(fromCopy other: Self) -> KernelDifference
}

extension Flow: Announcement {
    /// The original tuple.
    public var key: Tuple { original }

    /// A flow of which nothing is known but its tuple.
    public static func placeholder(_ key: Tuple) -> Flow { Flow(original: key, reply: key.inverted) }

    /// Every flow is.
    public var digested: Flow? { self }

    /// Timeouts of copies are leases.
    public func difference(fromCopy other: Flow) -> KernelDifference {
        guard reply == other.reply, master == other.master else { return .fundamental }
        var other = other
        other.timeout = timeout
        return self == other ? .none : .changeable
    }
}

extension Expectation: Announcement {
    /// An expectation of which nothing is known but its key.
    public static func placeholder(_ key: ExpectationKey) -> Expectation { Expectation(key: key, master: key.tuple) }

    /// Never: the function and the helper that it names are modules of every kernel.
    public var isBoundToItsKernel: Bool { false }

    /// None: they are few, and every bulk carries them.
    public var digested: Flow? { nil }

    /// They have no copies.
    public func difference(fromCopy other: Expectation) -> KernelDifference { .none }
}
