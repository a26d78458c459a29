internal import LabSupport

/// A router's kernel, and every message that it sends: read by our parsers and by libnetfilter_conntrack.
final class KernelWatch {
    private let namespace: String
    private var tap: MessageTap

    /// Listens to the events of a namespace from now on.
    init(_ namespace: String) throws {
        self.namespace = namespace
        // Made by the thread in the namespace, where its socket stays.
        let box = try NetworkNamespace.with(named: namespace) { TapBox(try MessageTap()) }
        tap = try box.take()
    }

    /// Dumps the tables.
    func snapshot() throws -> KernelSnapshot {
        try NetworkNamespace.with(named: namespace) { [self] in try KernelSnapshot(through: &tap) }
    }

    /// Takes the events that have come; the distinct messages so far, and what was read differently.
    func compared() throws -> (distinct: Int, differences: [String]) {
        try tap.receive()
        return (tap.distinct, tap.differences + (tap.overran ? ["events of \(namespace) were lost"] : []))
    }

    /// Hands a tap from one thread to another.
    private final class TapBox {
        private var tap: MessageTap?

        init(_ tap: consuming MessageTap) { self.tap = consume tap }

        func take() throws -> MessageTap {
            guard let taken = tap.take() else { throw NetworkNamespace.Failure.thread(errno: 0) }
            return taken
        }
    }
}
