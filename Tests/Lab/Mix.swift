internal import LinuxIO
internal import StateMachine

/// Connections that come and go.
struct Mix: ~Copyable {
    private let endpoint: Endpoint
    private var queue: EventQueue
    private var connections: [Connection?] = []
    private var freeSlots: [Int] = []
    private var counts = Counts()
    private var buffer = [UInt8](repeating: 0, count: 4_096)

    /// Most connections at a time; at the limit the next one waits its turn.
    static let connectionLimit = 8_000
    /// How long a connection may take to open and answer.
    static let answerLimit = Instant.Span.seconds(5)
    /// How long the held ones are held.
    static let holdTime = Instant.Span.seconds(1)

    /// What happened.
    struct Counts {
        var opened = 0
        var answered = 0
        var failed = 0
    }

    init(to endpoint: Endpoint) throws(LabError) {
        self.endpoint = endpoint
        queue = try .open()
    }

    /// Opens connections at a rate, for a span or until SIGTERM or SIGINT.
    mutating func run(rate: UInt64, for duration: Instant.Span) throws(LabError) -> Counts {
        let end = MonotonicClock.now() + duration
        let step = Instant.Span(nanoseconds: 1_000_000_000 / rate)
        var (due, nextSweep) = (MonotonicClock.now(), MonotonicClock.now())
        while MonotonicClock.now() < end, !queue.isAskedToEnd {
            let now = MonotonicClock.now()
            while due <= now {
                try open(at: now)
                due = due + step
            }
            if nextSweep <= now {
                sweep(at: now)
                nextSweep = now + .milliseconds(100)
            }
            let count = queue.wait(until: min(due, end))
            for index in 0..<count { handle(queue[index], at: MonotonicClock.now()) }
        }
        return counts
    }

    private mutating func open(at now: Instant) throws(LabError) {
        guard connections.count - freeSlots.count < Self.connectionLimit else { return }
        let fate = Fate(rawValue: counts.opened % Fate.allCases.count) ?? .closeAtOnce
        let transport: Transport = fate == .datagram ? .udp : .tcp
        let socket = try EchoSocket.connecting(to: endpoint, transport)
        let slot = freeSlots.popLast() ?? connections.count
        try queue.watch(socket.number, tag: UInt64(slot), writable: true)
        let connection = Connection(socket, fate, openedAt: now)
        if slot == connections.count { connections.append(connection) } else { connections[slot] = connection }
        counts.opened += 1
    }

    private mutating func handle(_ event: ReadyList.Entry, at now: Instant) {
        guard event.tag < UInt64(connections.count), let connection = connections[Int(event.tag)] else { return }
        let slot = Int(event.tag)
        if !connection.isAsked, event.isWritable || event.isBroken {
            guard connection.socket.connectionError() == 0 else { return drop(slot, failed: true) }
            _ = connection.socket.write([1, 2, 3, 4, 5, 6, 7, 8], count: 8)
            connection.isAsked = true
            do { try queue.change(connection.socket.number, tag: event.tag, writable: false) } catch {
                drop(slot, failed: true)
            }
        } else if event.isReadable || event.isBroken {
            guard case .bytes = connection.socket.read(into: &buffer) else { return drop(slot, failed: true) }
            if !connection.isAnswered { counts.answered += 1 }
            connection.isAnswered = true
            if connection.fate == .closeAtOnce { drop(slot, failed: false) }
        }
    }

    private mutating func sweep(at now: Instant) {
        for slot in connections.indices {
            guard let connection = connections[slot] else { continue }
            let age = now.since(connection.openedAt)
            if !connection.isAnswered, age > Self.answerLimit { drop(slot, failed: true) }
            if connection.isAnswered, connection.fate != .stayOpen, age > Self.holdTime { drop(slot, failed: false) }
        }
    }

    private mutating func drop(_ slot: Int, failed: Bool) {
        connections[slot] = nil
        freeSlots.append(slot)
        if failed { counts.failed += 1 }
    }

    /// What becomes of a connection once it is answered.
    private enum Fate: Int, CaseIterable {
        case closeAtOnce
        case hold
        case stayOpen
        case datagram
    }

    private final class Connection {
        let socket: EchoSocket
        let fate: Fate
        let openedAt: Instant
        var isAsked = false
        var isAnswered = false

        init(_ socket: consuming EchoSocket, _ fate: Fate, openedAt: Instant) {
            self.socket = socket
            self.fate = fate
            self.openedAt = openedAt
        }
    }
}
