public import Conntrack
public import StateMachine

/// A conntrack table as Linux has it, as far as an agent can tell: both tuples unique, events through a queue that can
/// overrun, entries that expire, TCP windows that go stale, and a dump that walks while the table changes.
public final class SimulatedKernel {
    /// One tracked connection.
    public struct Entry {
        public var flow: Flow
        /// When it was made.
        public let since: Instant
        /// When it is dropped if no packet comes.
        public var expires: Instant
        /// When the last packet passed; nil if none did here.
        public var lastPacket: Instant?
        /// The position of the TCP stream that the window stands at; nil before the first packet.
        var window: UInt64?
        var isLiberal = false
        /// Made by an agent without both window scales.
        var isBlind = false
        /// Tells entries of one place apart.
        var serial: UInt64
    }

    /// How far a TCP stream may be ahead of the window.
    static let windowSize: UInt64 = 65_535

    /// Events that wait at most, if nothing else is said.
    static let usualQueueLimit = 4_096

    let clock: VirtualClock
    var generator: SeededGenerator
    /// Entries at most (nf_conntrack_max).
    public var limit: Int
    /// The full timeouts.
    public var timeouts: ProtocolTimeouts
    /// Events that wait at most.
    public var queueLimit: Int

    var entries: [Entry?] = []
    private var freePlaces: [Int] = []
    private var places: [Tuple: Int] = [:]
    private var expiries = Agenda<(place: Int, serial: UInt64)>()
    private var lastSerial: UInt64 = 0
    /// Entries in the table, and at most so far.
    public private(set) var count = 0
    public private(set) var peak = 0

    /// Original tuples whose hash chain is too long for one more entry.
    public var crowdedTuples: Set<Tuple> = []
    /// Helpers whose module is not here.
    public var missingHelpers: Set<KernelName> = []
    /// When it refuses writes by chance, and how many it did.
    public var refusing: Refusing?
    public internal(set) var refusedByChance = 0
    var refusedAt: Instant = .origin
    /// Whether a rule gives labels: without one the kernel drops them in silence.
    public var keepsLabels = true

    /// What helpers expect, in the order of its coming.
    public internal(set) var expectations: [Expectation] = []
    var expectationQueue: [ExpectationEvent] = []

    var queue: [FlowEvent] = []
    var overran = false
    /// Whether an agent has its socket open, and whether it is in the group of NEW events.
    var isHeard = false
    var hearsNew = false
    /// What the agent's socket leaves out.
    var leftOut: FlowFilter?
    var dumpPlace: Int?
    /// The reader was told to wait, and its socket wakes it.
    var dumpWaits = false
    /// The part of a dump that the kernel made when the one before it was read.
    var dumpPart: [FlowEvent] = []
    /// The next dump tells that the table changed its shape.
    public var interruptsNextDump = false

    /// What is told of one flow, to find out why something went wrong.
    var watched: Tuple?
    var watch: (String) -> Void = { _ in }
    func trace(_ tuple: Tuple, _ text: @autoclosure () -> String) {
        guard let watched, watched == tuple || places[tuple] != nil && places[watched] == places[tuple] else { return }
        watch(text())
    }

    /// Judges the writes of an agent; set by the world.
    weak var witness: (any WriteWitness)?

    /// Makes an empty table.
    public init(clock: VirtualClock, seed: UInt64, limit: Int, timeouts: ProtocolTimeouts) {
        self.clock = clock
        self.limit = limit
        self.timeouts = timeouts
        generator = SeededGenerator(seed: seed)
        queueLimit = Self.usualQueueLimit
    }

    // MARK: Looking

    /// The entry that a packet with this tuple would meet, in either direction.
    public func entry(of tuple: Tuple) -> Entry? { places[tuple].flatMap { entries[$0] } }

    /// The entry with this original tuple.
    public func entry(original: Tuple) -> Entry? {
        guard let entry = entry(of: original), entry.flow.original == original else { return nil }
        return entry
    }

    /// All flows now, in the order of their places.
    public var flows: [Flow] { entries.compactMap { $0?.flow } }

    /// When the next entry expires, at the earliest.
    public var nextExpiry: Instant { expiries.next }

    // MARK: Changing

    /// Whether both tuples are free.
    func isFree(_ flow: Flow) -> Bool { places[flow.original] == nil && places[flow.reply] == nil }

    func insert(_ flow: Flow, timeout: UInt32, _ change: (inout Entry) -> Void = { _ in }) {
        lastSerial += 1
        var entry = Entry(
            flow: flow, since: clock.now, expires: clock.now + .seconds(UInt64(timeout)), serial: lastSerial)
        change(&entry)
        let place: Int
        if let free = freePlaces.popLast() {
            place = free
            entries[place] = entry
        } else {
            place = entries.count
            entries.append(entry)
        }
        places[flow.original] = place
        places[flow.reply] = place
        count += 1
        peak = max(peak, count)
        expiries.add((place, lastSerial), at: entry.expires)
        witness?.born(flow)
        trace(flow.original, "inserts \(flow.text) for \(timeout) s, liberal \(entry.isLiberal)")
    }

    /// Changes the entry that a tuple belongs to.
    func change(_ tuple: Tuple, _ body: (inout Entry) -> Void) {
        guard let place = places[tuple], var entry = entries[place] else { return }
        body(&entry)
        entries[place] = entry
    }

    /// Gives an entry a new timeout.
    func setTimeout(_ tuple: Tuple, _ seconds: UInt32) {
        guard let place = places[tuple], var entry = entries[place] else { return }
        let expires = clock.now + .seconds(UInt64(seconds))
        // A later expiry needs no new item: the old one finds out when it comes.
        if expires < entry.expires { expiries.add((place, entry.serial), at: expires) }
        entry.expires = expires
        entries[place] = entry
    }

    @discardableResult
    func remove(_ tuple: Tuple) -> Entry? {
        guard let place = places[tuple], let entry = entries[place] else { return nil }
        trace(tuple, "removes \(entry.flow.text)")
        entries[place] = nil
        freePlaces.append(place)
        places[entry.flow.original] = nil
        places[entry.flow.reply] = nil
        count -= 1
        for expectation in expectations where expectation.master == entry.flow.original {
            withdraw(expectation.key)
        }
        return entry
    }

    /// Drops what has expired.
    func expire() {
        while let item = expiries.take(upTo: clock.now) {
            guard let entry = entries[item.place], entry.serial == item.serial else { continue }
            guard entry.expires <= clock.now else {
                expiries.add(item, at: entry.expires)
                continue
            }
            remove(entry.flow.original)
            // An expired entry has no time left, and its message no timeout.
            tellDestroy(entry, killed: false, origin: .kernel)
        }
    }

    /// Removes an entry before its time, as masquerade cleanup or `conntrack -D` does.
    public func kill(_ original: Tuple, origin: FlowEvent.Origin = .kernel) {
        guard let entry = remove(original) else { return }
        tellDestroy(entry, killed: true, origin: origin)
    }

    /// A flow comes, and the kernel says so.
    public func track(_ flow: Flow, timeout: UInt32) {
        insert(flow, timeout: timeout)
        if let entry = entry(original: flow.original) { tell(.new, entry, .all, origin: .kernel) }
    }

    /// A helper changes the length of a payload; the kernel makes no event of it.
    public func shift(_ original: Tuple, by bytes: Int32) {
        change(original) { entry in
            entry.flow.extensions.sequence.original.position += 1_000
            entry.flow.extensions.sequence.original.before = entry.flow.extensions.sequence.original.after
            entry.flow.extensions.sequence.original.after += bytes
            entry.flow.status.insert(.sequenceAdjusted)
        }
    }

    /// Removes an entry without a word, as with flows that are older than the first listener.
    public func forget(_ original: Tuple) { remove(original) }

    /// The node lost its power.
    public func reset() {
        entries.removeAll()
        freePlaces.removeAll()
        places.removeAll()
        expiries.removeAll()
        expectations.removeAll()
        count = 0
        closeSocket()
    }

    // MARK: Events

    func openSocket() {
        isHeard = true
        hearsNew = true
    }

    func closeSocket() {
        isHeard = false
        hearsNew = false
        leftOut = nil
        queue.removeAll()
        expectationQueue.removeAll()
        overran = false
        dumpPlace = nil
    }

    /// Drops what waits, as a full socket buffer does.
    public func loseEvents() {
        guard isHeard else { return }
        queue.removeAll()
        expectationQueue.removeAll()
        overran = true
    }

    func tell(_ kind: FlowEvent.Kind, _ entry: Entry, _ attributes: FlowAttributes, origin: FlowEvent.Origin) {
        guard isHeard, kind != .new || hearsNew else { return }
        if let leftOut, leftOut.verdict(entry.flow) != .replicated { return }
        guard queue.count < queueLimit else { return overran = true }
        queue.append(FlowEvent(kind, shown(entry), attributes: attributes, origin: origin))
    }

    private func tellDestroy(_ entry: Entry, killed: Bool, origin: FlowEvent.Origin) {
        var attributes: FlowAttributes = [.reply, .status]
        if killed { attributes.insert(.timeout) }
        if entry.flow.tcp != nil { attributes.insert(.protocolState) }
        var gone = entry
        gone.flow.status.insert(.dying)
        tell(.destroy, gone, attributes, origin: origin)
    }

    /// An entry as a message shows it.
    func shown(_ entry: Entry) -> Flow {
        var flow = entry.flow
        let left = entry.expires.since(clock.now)
        flow.timeout = UInt32((left.nanoseconds + 999_999_999) / 1_000_000_000)
        if entry.isLiberal {
            flow.tcp?.originalFlags.insert(.beLiberal)
            flow.tcp?.replyFlags.insert(.beLiberal)
        }
        return flow
    }
}

/// Judges what an agent does to a table, and sees what flows there are.
protocol WriteWitness: AnyObject {
    /// Called when a flow came into a table, by whomever.
    func born(_ flow: Flow)
    /// Called before a write, with the entry that it meets, and after it with the refusal if there was one.
    func judge(_ write: FlowWrite, on kernel: SimulatedKernel, meeting entry: SimulatedKernel.Entry?)
    func judge(_ write: FlowWrite, on kernel: SimulatedKernel, ended refusal: WriteRefusal?)
}
