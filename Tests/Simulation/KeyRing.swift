internal import SyncProtocol

/// A node's keys and how far its sealing has come, as its configuration says: what a restarted agent begins with.
struct KeyRing {
    /// What an operator orders, of the running agent and in the configuration.
    enum Order {
        case add(UInt8)
        case use(UInt8)
        case remove(UInt8)
        case enter(SealingStage)
    }

    private(set) var keys: [UInt8] = [1]
    private(set) var used: UInt8? = 1
    private(set) var stage: SealingStage

    /// Makes a ring with one key.
    init(_ stage: SealingStage) { self.stage = stage }

    /// Writes an order into the configuration.
    mutating func take(_ order: Order) {
        switch order {
        case .add(let id): keys.append(id)
        case .use(let id): used = id
        case .remove(let id): keys.removeAll { $0 == id }
        case .enter(let next): stage = next
        }
    }
}
