internal import BasicContainers
internal import Bytes
internal import ControlProtocol
internal import Engine
internal import StateMachine
internal import SyncProtocol
internal import SyncTransport

/// All links to the peers as the engine's port, each under its number: its place in the configuration.
struct SyncLinks: ~Copyable, LinkPort {
    private var links: RigidArray<SyncLink>
    /// The link that is received from first, another one each time, so that none starves.
    private var firstServed = 0
    /// Datagrams for a link that is not there.
    private var unaddressed: UInt64 = 0

    /// Makes an empty set, with room for so many.
    init(capacity: Int) { links = RigidArray(capacity: capacity) }

    /// Takes in the next link; its number is the count of those before it.
    mutating func append(_ link: consuming SyncLink) {
        precondition(Int(link.number) == links.count)
        links.append(link)
        plannedPayload = maximumPayload
    }

    // MARK: The engine's port

    var linkCount: Int { links.count }

    /// The smallest of all links; one that is away counts with what it carried last, or with a cautious guess.
    var maximumPayload: Int {
        var least = Int.max
        for number in 0..<links.count { least = min(least, links[number].maximumPayload) }
        return least
    }

    func isShared(_ link: UInt8) -> Bool { links[Int(link)].isShared }

    /// Takes in what waits: each link has an equal share of the room, and what another leaves.
    mutating func receive(into datagrams: inout DatagramBatch) {
        var number = firstServed
        for rest in stride(from: links.count, to: 0, by: -1) {
            let room = datagrams.limit - datagrams.count
            links[number].receive(into: &datagrams, atMost: (room + rest - 1) / rest)
            number = number + 1 < links.count ? number + 1 : 0
        }
        firstServed = firstServed + 1 < links.count ? firstServed + 1 : 0
    }

    mutating func send(_ datagrams: borrowing DatagramBatch) {
        for number in 0..<links.count { links[number].send(datagrams) }
        for index in 0..<datagrams.count where datagrams.link(of: index) >= links.count { unaddressed &+= 1 }
    }

    // MARK: The shell's side

    /// What every datagram may have, as the engine heard at its start.
    private(set) var plannedPayload = Int.max

    /// When a link is to be tried or looked at again.
    var due: Instant {
        var next = Instant.never
        for number in 0..<links.count { next = min(next, links[number].due) }
        return next
    }

    /// Tries again what is away, and notices what went.
    mutating func inspect(at now: Instant) {
        for number in 0..<links.count { links[number].inspect(at: now) }
    }

    /// The descriptor's number of a link for epoll, or nil while it is away.
    func rawValue(of number: Int) -> Int32? { links[number].rawValue }

    /// Why a link is away, as a sentence's end; nil while it is there.
    func obstacle(of number: Int) -> String? {
        links[number].obstacle?.text(interface: links[number].interface)
    }

    /// The interface of a link.
    func interface(of number: Int) -> String { links[number].interface }

    /// Carries out what was ordered about the keys, which are the same on all links; a listing sums up what all opened.
    mutating func take(_ order: SealingOrder, at now: Instant) -> ControlReply {
        var reply = links[0].take(order, at: now)
        // Every link has had the same orders, so what one refuses none takes.
        if case .refused = reply { return reply }
        for number in 1..<max(1, links.count) { reply.addUp(links[number].take(order, at: now)) }
        return reply
    }

    /// How far sealing has come.
    var stage: ControlProtocol.SealingStage { links[0].stage }

    /// The address of a source as text.
    func text(of source: DatagramBatch.Source) -> String? {
        for number in 0..<links.count {
            if let text = links[number].text(of: source) { return text }
        }
        return nil
    }

    /// How each link stands.
    mutating func report() -> [AgentReport.Link] {
        (0..<links.count).map { number in
            AgentReport.Link(
                interface: links[number].interface, isShared: links[number].isShared,
                peers: links[number].peerCount, isThere: links[number].rawValue != nil,
                hasCarrier: links[number].hasCarrier(), obstacle: obstacle(of: number),
                lacks: max(0, plannedPayload - links[number].maximumPayload), traffic: links[number].traffic())
        }
    }

    /// Names and values of all links' counters, summed up: why datagrams were dropped.
    mutating func counters() -> [(name: String, value: UInt64)] {
        var (dropped, sealed) = (CounterTable<LinkCounter>(), CounterTable<SealingCounter>())
        for number in 0..<links.count {
            dropped = dropped.adding(links[number].counters())
            sealed = sealed.adding(links[number].sealingCounters)
        }
        return dropped.listing + sealed.listing + [("unaddressed", unaddressed)]
    }
}

extension ControlReply {
    /// Takes in what another link answered to the same order: a listing counts what both opened.
    fileprivate mutating func addUp(_ other: ControlReply) {
        guard case .keys(var listing) = self, case .keys(let more) = other else { return }
        for key in more.keys {
            guard let place = listing.keys.firstIndex(where: { $0.id == key.id }) else { continue }
            listing.keys[place].opened &+= key.opened
            let ages = [listing.keys[place].lastOpenedMilliseconds, key.lastOpenedMilliseconds]
            listing.keys[place].lastOpenedMilliseconds = ages.compactMap { $0 }.min()
        }
        self = .keys(listing)
    }
}
