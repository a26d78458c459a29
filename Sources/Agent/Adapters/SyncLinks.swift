internal import Bytes
internal import ControlProtocol
internal import Engine
internal import StateMachine
internal import SyncProtocol
internal import SyncTransport

/// All links to the peers as the engine's port, each under its number: its place in the configuration.
struct SyncLinks: ~Copyable, LinkPort {
    /// Holds a link, which no array can: it has one owner.
    private final class Place {
        var link: SyncLink

        init(_ link: consuming SyncLink) { self.link = link }
    }

    private var places: [Place] = []
    /// The link that is received from first, another one each time, so that none starves.
    private var firstServed = 0
    /// Datagrams for a link that is not there.
    private var unaddressed: UInt64 = 0

    /// Makes an empty set.
    init() {}

    /// Takes in the next link; its number is the count of those before it.
    mutating func append(_ link: consuming SyncLink) {
        precondition(Int(link.number) == places.count)
        places.append(Place(link))
        plannedPayload = maximumPayload
    }

    // MARK: The engine's port

    var linkCount: Int { places.count }

    /// The smallest of all links; one that is away counts with what it carried last, or with a cautious guess.
    var maximumPayload: Int {
        var least = Int.max
        for number in 0..<places.count { least = min(least, places[number].link.maximumPayload) }
        return least
    }

    func isShared(_ link: UInt8) -> Bool { places[Int(link)].link.isShared }

    /// Takes in what waits: each link has an equal share of the room, and what another leaves.
    mutating func receive(into datagrams: inout DatagramBatch) {
        var number = firstServed
        for rest in stride(from: places.count, to: 0, by: -1) {
            let room = datagrams.limit - datagrams.count
            places[number].link.receive(into: &datagrams, atMost: (room + rest - 1) / rest)
            number = number + 1 < places.count ? number + 1 : 0
        }
        firstServed = firstServed + 1 < places.count ? firstServed + 1 : 0
    }

    mutating func send(_ datagrams: borrowing DatagramBatch) {
        for number in 0..<places.count { places[number].link.send(datagrams) }
        for index in 0..<datagrams.count where datagrams.link(of: index) >= places.count { unaddressed &+= 1 }
    }

    // MARK: The shell's side

    /// What every datagram may have, as the engine heard at its start.
    private(set) var plannedPayload = Int.max

    /// When a link is to be tried or looked at again.
    var due: Instant {
        var next = Instant.never
        for number in 0..<places.count { next = min(next, places[number].link.due) }
        return next
    }

    /// Tries again what is away, and notices what went.
    mutating func inspect(at now: Instant) {
        for number in 0..<places.count { places[number].link.inspect(at: now) }
    }

    /// The descriptor's number of a link for epoll, or nil while it is away.
    func rawValue(of number: Int) -> Int32? { places[number].link.rawValue }

    /// Why a link is away, as a sentence's end; nil while it is there.
    func obstacle(of number: Int) -> String? {
        places[number].link.obstacle?.text(interface: places[number].link.interface)
    }

    /// The interface of a link.
    func interface(of number: Int) -> String { places[number].link.interface }

    /// Carries out what was ordered about the keys, which are the same on all links; a listing sums up what all opened.
    mutating func take(_ order: SealingOrder, at now: Instant) -> ControlReply {
        var reply = places[0].link.take(order, at: now)
        // Every link has had the same orders, so what one refuses none takes.
        if case .refused = reply { return reply }
        for number in 1..<max(1, places.count) { reply.addUp(places[number].link.take(order, at: now)) }
        return reply
    }

    /// How far sealing has come.
    var stage: ControlProtocol.SealingStage { places[0].link.stage }

    /// The address of a source as text.
    func text(of source: DatagramBatch.Source) -> String? {
        for number in 0..<places.count {
            if let text = places[number].link.text(of: source) { return text }
        }
        return nil
    }

    /// How each link stands.
    mutating func report() -> [AgentReport.Link] {
        (0..<places.count).map { number in
            AgentReport.Link(
                interface: places[number].link.interface, isShared: places[number].link.isShared,
                peers: places[number].link.peerCount, isThere: places[number].link.rawValue != nil,
                hasCarrier: places[number].link.hasCarrier(), obstacle: obstacle(of: number),
                lacks: max(0, plannedPayload - places[number].link.maximumPayload),
                traffic: places[number].link.traffic())
        }
    }

    /// Names and values of all links' counters, summed up: why datagrams were dropped.
    mutating func counters() -> [(name: String, value: UInt64)] {
        var (dropped, sealed) = (CounterTable<LinkCounter>(), CounterTable<SealingCounter>())
        for number in 0..<places.count {
            dropped = dropped.adding(places[number].link.counters())
            sealed = sealed.adding(places[number].link.sealingCounters)
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
