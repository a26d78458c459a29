internal import Bytes
internal import ControlProtocol
internal import Engine
internal import LinuxIO
internal import StateMachine
internal import SyncProtocol
internal import SyncTransport

/// The link to the peers as the engine's port: opened when its interface is there, opened anew when that went.
///
/// What passes is sealed and opened on the way, so that the engine sees open datagrams only.
struct LinkAdapter: ~Copyable, LinkPort {
    /// A link that is away is tried again after so long.
    static let patience = Instant.Span.milliseconds(500)
    /// The interface is looked at again after so long.
    static let inspection = Instant.Span.seconds(1)
    /// Bytes of a datagram while the interface, and so its MTU, is unknown: fits every Ethernet.
    static let cautiousPayload = 1400

    private let settings: LinkSettings
    private var link: DatagramLink?
    private var sealing: LinkSealing
    /// What the links before this one carried.
    private var earlier = DatagramLink.Traffic()
    private var sourceTexts: [DatagramBatch.Source: String] = [:]

    /// Why the link is away; nil while it is there.
    private(set) var obstacle: LinkError?
    /// When the link is to be tried or looked at again.
    private(set) var due: Instant

    /// Makes the port; a link that cannot be there yet is waited for.
    init(_ settings: LinkSettings, sealing: consuming LinkSealing, at now: Instant) throws(LinkError) {
        self.settings = settings
        self.sealing = sealing
        due = now
        link = nil
        open(at: now)
        if let obstacle, !obstacle.mayPass { throw obstacle }
    }

    /// The descriptor's number for epoll, or nil while the link is away.
    private(set) var rawValue: Int32?

    /// One link, so far.
    var linkCount: Int { 1 }

    func isShared(_ link: UInt8) -> Bool {
        if case .group = settings.audience { true } else { false }
    }

    /// Bytes of a datagram at most; there is always room for a seal, so that sealing may begin at any time.
    private(set) var maximumPayload = Self.cautiousPayload - SealedFront.tagSize

    /// Tries again what is away, and notices what went.
    mutating func inspect(at now: Instant) {
        guard due <= now else { return }
        due = now + Self.inspection
        guard link != nil else { return open(at: now) }
        do {
            try link?.readDevice()
            link?.countQueueDrops()
            if link?.device.isUp == false { close(because: .interfaceDown, at: now) }
        } catch {
            // That the device could not be read says nothing of the device.
            if case .system = error { return }
            close(because: error, at: now)
        }
    }

    mutating func receive(into datagrams: inout DatagramBatch) {
        guard link != nil else { return }
        // What follows the dropped ones is taken too; the next wake-up would come at once anyway.
        var mayHoldMore = true
        var rounds = 0
        while mayHoldMore, datagrams.count == 0, rounds < 4 {
            mayHoldMore = link?.receive(into: &datagrams) ?? false
            rounds += 1
            guard datagrams.count > 0 else { continue }
            sealing.open(&datagrams, at: MonotonicClock.now())
            if sealing.questions.count > 0 { _ = link?.send(sealing.questions) }
        }
        for index in 0..<datagrams.count {
            let source = datagrams.source(of: index)
            if sourceTexts[source] == nil, sourceTexts.count < 64 { sourceTexts[source] = link?.text(of: source) }
        }
    }

    mutating func send(_ datagrams: borrowing DatagramBatch) {
        guard sealing.seals else {
            _ = link?.send(datagrams)
            return
        }
        var next = 0
        while next < datagrams.count {
            next = sealing.seal(datagrams, from: next)
            _ = link?.send(sealing.sealed)
        }
    }

    /// Carries out what was ordered about the keys.
    mutating func take(_ order: SealingOrder, at now: Instant) -> ControlReply { sealing.take(order, at: now) }

    /// How far sealing has come.
    var stage: ControlProtocol.SealingStage { sealing.stage }

    /// The address of a source as text.
    func text(of source: DatagramBatch.Source) -> String? { sourceTexts[source] }

    /// What the link carried since the start.
    mutating func traffic() -> DatagramLink.Traffic { earlier.adding(link?.traffic ?? DatagramLink.Traffic()) }

    /// Names and values of the link's counters: why datagrams were dropped.
    mutating func counters() -> [(name: String, value: UInt64)] {
        (link?.counters.listing ?? []) + sealing.machine.counters.listing
    }

    /// Whether the interface is up and carries.
    mutating func hasCarrier() -> Bool { link?.device.hasCarrier ?? false }

    private mutating func open(at now: Instant) {
        do {
            let opened = try DatagramLink(settings)
            rawValue = opened.rawValue
            maximumPayload = max(0, opened.maximumPayload - SealedFront.tagSize)
            link = consume opened
            obstacle = nil
        } catch {
            rawValue = nil
            obstacle = error
            due = now + Self.patience
        }
    }

    private mutating func close(because reason: LinkError, at now: Instant) {
        earlier = traffic()
        link = nil
        rawValue = nil
        obstacle = reason
        due = now + Self.patience
    }
}
