internal import Conntrack
internal import ControlProtocol
internal import Engine
internal import LinuxIO
internal import StateMachine
internal import Synchronization

/// Where the two threads meet: what the control thread asks, what the data thread tells.
///
/// Each side takes the other's words as a whole under the lock, does nothing else there, and is woken by a descriptor.
final class Mailbox: Sendable {
    /// Flows of a listing that the data thread hands over in a turn at most.
    static let listingLimit = 512

    /// What the control thread asks.
    struct Orders: Sendable {
        var commands: [EngineCommand] = []
        var wantsReport = false
        var listing: ListingRequest?
        /// What is ordered about the links' keys, each with the id of who waits for the answer.
        var sealing: [(id: UInt64, order: SealingOrder)] = []
        var ends = false

        /// Whether nothing is asked.
        var isEmpty: Bool { commands.isEmpty && !wantsReport && listing == nil && sealing.isEmpty && !ends }
    }

    /// What the data thread tells.
    struct News: Sendable {
        var notices: [EngineNotice] = []
        var report: AgentReport?
        var listing: ListingPart?
        var sealing: [(id: UInt64, reply: ControlReply)] = []
        var links: [LinkNews] = []
        var failure: StartFailure?
        var hasEnded = false
    }

    /// The next part of a cache that somebody lists.
    struct ListingRequest: Sendable, Equatable {
        var session: UInt64
        var external: Bool
        /// Expectations instead of flows.
        var expected: Bool
        var slot: UInt32
    }

    /// A part of a cache, and where the next begins.
    struct ListingPart: Sendable {
        var session: UInt64
        var lines: Lines
        var next: UInt32?

        enum Lines: Sendable {
            case flows([ListedFlow])
            case expectations([Expectation])
        }
    }

    /// A link came or went.
    struct LinkNews: Sendable, Equatable {
        var interface: String
        /// Why it is away; nil if it is there.
        var obstacle: String?
        /// Whether another one is there.
        var othersGoOn: Bool
    }

    private let orders = Mutex(Orders())
    private let news = Mutex(News())
    let ordersWaiting: EventDescriptor
    let newsWaiting: EventDescriptor

    /// Makes an empty mailbox.
    init() throws(SystemCallError) {
        ordersWaiting = try EventDescriptor()
        newsWaiting = try EventDescriptor()
    }

    /// Leaves an order.
    func ask(_ change: (inout Orders) -> Void) {
        orders.withLock { change(&$0) }
        ordersWaiting.signal()
    }

    /// Takes the orders.
    func takeOrders() -> Orders {
        ordersWaiting.drain()
        return orders.withLock { waiting in
            let taken = waiting
            waiting = Orders()
            return taken
        }
    }

    /// Leaves news.
    func tell(_ change: (inout News) -> Void) {
        news.withLock { change(&$0) }
        newsWaiting.signal()
    }

    /// Takes the news.
    func takeNews() -> News {
        newsWaiting.drain()
        return news.withLock { waiting in
            let taken = waiting
            waiting = News()
            return taken
        }
    }
}
