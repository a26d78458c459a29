internal import Bytes
internal import ControlProtocol
internal import Engine
internal import LinuxIO
internal import StateMachine
internal import SyncProtocol
internal import SyncTransport

/// One link to the peers: opened when its interface is there, opened anew when that went.
///
/// What passes is sealed and opened on the way, so that the engine sees open datagrams only.
struct SyncLink: ~Copyable {
    /// A link that is away is tried again after so long.
    static let patience = Instant.Span.milliseconds(500)
    /// The interface is looked at again after so long.
    static let inspection = Instant.Span.seconds(1)
    /// Bytes of a datagram while the interface, and so its MTU, is unknown: fits every Ethernet.
    static let cautiousPayload = 1400

    /// The link's number: its place in the configuration.
    let number: UInt8
    private let settings: LinkSettings
    private var link: DatagramLink?
    private var sealing: LinkSealing
    /// What was carried and dropped over the link before it was last opened, and while it is away.
    private var earlier = DatagramLink.Traffic()
    private var earlierCounters = CounterTable<LinkCounter>()
    private var sourceTexts: [DatagramBatch.Source: String] = [:]

    /// Why the link is away; nil while it is there.
    private(set) var obstacle: LinkError?
    /// When the link is to be tried or looked at again.
    private(set) var due: Instant

    /// Makes a link; one that cannot be there yet is waited for.
    init(
        _ number: UInt8, _ settings: LinkSettings, sealing: consuming LinkSealing, at now: Instant
    ) throws(LinkError) {
        self.number = number
        self.settings = settings
        self.sealing = sealing
        due = now
        link = nil
        open(at: now)
        if let obstacle, !obstacle.mayPass { throw obstacle }
    }

    /// The descriptor's number for epoll, or nil while the link is away.
    private(set) var rawValue: Int32?

    /// The interface's name.
    var interface: String { settings.interface }

    /// Whether one datagram reaches everyone: the audience is a multicast group.
    var isShared: Bool { peerCount == nil }

    /// The peers that are configured; nil where the audience is a multicast group.
    var peerCount: Int? { if case .peers(let peers) = settings.audience { peers.count } else { nil } }

    /// Bytes of a datagram at most; there is always room for a seal, so that sealing may begin at any time.
    ///
    /// Of a link that is away, what it carried last.
    private(set) var maximumPayload = Self.cautiousPayload - SealedFront.tagSize

    /// Tries again what is away, and notices what went.
    mutating func inspect(at now: Instant) {
        guard due <= now else { return }
        due = now + Self.inspection
        guard link != nil else { return open(at: now) }
        do {
            try link?.readDevice()
            link?.countQueueDrops()
            if link?.device.isUp == false { return close(because: .interfaceDown, at: now) }
            measure()
        } catch {
            // That the device could not be read says nothing of the device.
            if case .system = error { return }
            close(because: error, at: now)
        }
    }

    /// Takes in what waits, behind what the batch holds.
    mutating func receive(into datagrams: inout DatagramBatch, atMost limit: Int) {
        guard link != nil, limit > 0 else { return }
        let first = datagrams.count
        // What follows the dropped ones is taken too; the next wake-up would come at once anyway.
        var mayHoldMore = true
        var rounds = 0
        while mayHoldMore, datagrams.count == first, rounds < 4 {
            mayHoldMore = link?.receive(into: &datagrams, atMost: limit, as: number) ?? false
            rounds += 1
            guard datagrams.count > first else { continue }
            sealing.open(&datagrams, from: first, at: MonotonicClock.now())
            if sealing.questions.count > 0 { _ = link?.send(sealing.questions) }
        }
        for index in first..<datagrams.count {
            let source = datagrams.source(of: index)
            if sourceTexts[source] == nil, sourceTexts.count < 64 { sourceTexts[source] = link?.text(of: source) }
        }
    }

    /// Sends those of a batch that go over this link.
    ///
    /// Over a link that is away they are lost, and counted.
    mutating func send(_ datagrams: borrowing DatagramBatch) {
        guard link != nil else { return countLost(datagrams) }
        guard sealing.seals else {
            _ = link?.send(datagrams, as: number)
            return
        }
        var next = 0
        while next < datagrams.count {
            next = sealing.seal(datagrams, from: next)
            _ = link?.send(sealing.sealed)
        }
    }

    private mutating func countLost(_ datagrams: borrowing DatagramBatch) {
        var lost = 0
        for index in 0..<datagrams.count where datagrams.link(of: index) == number { lost += 1 }
        earlierCounters.count(.interfaceDown, by: lost)
        earlier.countLost(lost)
    }

    /// Carries out what was ordered about the keys.
    mutating func take(_ order: SealingOrder, at now: Instant) -> ControlReply { sealing.take(order, at: now) }

    /// How far sealing has come.
    var stage: ControlProtocol.SealingStage { sealing.stage }

    /// The address of a source as text.
    func text(of source: DatagramBatch.Source) -> String? { sourceTexts[source] }

    /// What the link carried since the start.
    mutating func traffic() -> DatagramLink.Traffic { earlier.adding(link?.traffic ?? DatagramLink.Traffic()) }

    /// Why datagrams were dropped, since the start.
    mutating func counters() -> CounterTable<LinkCounter> {
        earlierCounters.adding(link?.counters ?? CounterTable<LinkCounter>())
    }

    /// What sealing has counted.
    var sealingCounters: CounterTable<SealingCounter> { sealing.machine.counters }

    /// Whether the interface is up and carries.
    mutating func hasCarrier() -> Bool { link?.device.hasCarrier ?? false }

    private mutating func open(at now: Instant) {
        do {
            let opened = try DatagramLink(settings)
            rawValue = opened.rawValue
            link = consume opened
            measure()
            obstacle = nil
        } catch {
            rawValue = nil
            obstacle = error
            due = now + Self.patience
        }
    }

    private mutating func close(because reason: LinkError, at now: Instant) {
        earlier = traffic()
        earlierCounters = counters()
        link = nil
        rawValue = nil
        obstacle = reason
        due = now + Self.patience
    }

    private mutating func measure() {
        if let payload = link?.maximumPayload { maximumPayload = max(0, payload - SealedFront.tagSize) }
    }
}
