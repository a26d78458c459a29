public import StateMachine

/// What is to happen, by time; what was put in first comes first at the same instant.
public struct Agenda<Item> {
    private var heap: [(at: Instant, serial: UInt64, item: Item)] = []
    private var serial: UInt64 = 0

    /// Makes an empty agenda.
    public init() {}

    /// When the next item is due, or `never`.
    public var next: Instant { heap.first?.at ?? .never }

    /// Puts an item in.
    public mutating func add(_ item: Item, at instant: Instant) {
        serial += 1
        heap.append((instant, serial, item))
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the next item if it is due.
    public mutating func take(upTo now: Instant) -> Item? {
        guard let first = heap.first, first.at <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            guard least != parent else { return first.item }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    /// Drops everything.
    public mutating func removeAll() { heap.removeAll() }

    private func isBefore(_ one: Int, _ other: Int) -> Bool {
        (heap[one].at, heap[one].serial) < (heap[other].at, heap[other].serial)
    }
}
