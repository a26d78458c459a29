internal import LinuxIO
internal import StateMachine

/// Many connections that exchange a message every interval, each at a phase of its own.
struct PingPong: ~Copyable {
    private let interval: Instant.Span
    private var queue: EventQueue
    private var exchanges: [Exchange] = []
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    /// Longest wait for all connections to open.
    static let openingLimit = Instant.Span.seconds(10)
    /// Longest wait for the last echoes: a connection that does not answer by then counts as lost.
    static let closingLimit = Instant.Span.seconds(5)

    /// Begins to open the connections.
    static func connecting(
        to endpoint: Endpoint, _ transport: Transport, connections: Int, interval: Instant.Span,
        messageSize: Int
    ) throws(LabError) -> PingPong {
        var pingPong = PingPong(interval: interval, queue: try .open())
        for tag in 0..<connections {
            let exchange = Exchange(try .connecting(to: endpoint, transport), transport, messageSize: messageSize)
            try pingPong.queue.watch(exchange.socket.number, tag: UInt64(tag), writable: true)
            pingPong.exchanges.append(exchange)
        }
        return pingPong
    }

    private init(interval: Instant.Span, queue: consuming EventQueue) {
        self.interval = interval
        self.queue = queue
    }

    /// Exchanges messages for a span, or until SIGTERM or SIGINT or the last connection is reset, and reports.
    mutating func run(for duration: Instant.Span) throws(LabError) -> PingPongReport {
        let begin = MonotonicClock.now()
        try turn(until: begin + Self.openingLimit) { exchanges in
            exchanges.allSatisfy { $0.state != .connecting }
        }
        let start = MonotonicClock.now()
        let opened = exchanges.count { $0.state == .open }
        printProgress("opened \(opened) of \(exchanges.count) connections in \(start.since(begin).milliseconds) ms")
        for exchange in exchanges { exchange.start(at: start) }
        try exchangeMessages(from: start, until: start + duration)
        let end = MonotonicClock.now()
        for slot in exchanges.indices where exchanges[slot].isAnswered {
            exchanges[slot].sendNext()
            try awaitRoom(slot)
        }
        try turn(until: end + Self.closingLimit) { exchanges in
            exchanges.allSatisfy { $0.state != .open || $0.isAnswered }
        }
        let closed = MonotonicClock.now()
        for exchange in exchanges { exchange.close(at: closed) }
        return PingPongReport(exchanges, interval: interval, lasted: closed.since(start))
    }

    /// One connection after the other sends, evenly spread over the interval, in rounds.
    private mutating func exchangeMessages(from start: Instant, until end: Instant) throws(LabError) {
        let step = Instant.Span(nanoseconds: max(1, interval.nanoseconds / UInt64(max(1, exchanges.count))))
        var (slot, due) = (0, start)
        var (nextProgress, shownEchoes) = (start + .seconds(1), UInt64(0))
        while MonotonicClock.now() < end, !queue.isAskedToEnd, exchanges.contains(where: { $0.state == .open }) {
            let now = MonotonicClock.now()
            while due <= now {
                exchanges[slot].sendNext()
                try awaitRoom(slot)
                slot = (slot + 1) % exchanges.count
                due = due + step
            }
            if nextProgress <= now {
                shownEchoes = showProgress(after: now.since(start), since: shownEchoes)
                nextProgress = now + .seconds(1)
            }
            try turn(until: min(due, end)) { _ in true }
        }
    }

    /// Waits until the rest of a large message can be sent.
    private func awaitRoom(_ slot: Int) throws(LabError) {
        let exchange = exchanges[slot]
        guard exchange.hasUnsent else { return }
        try queue.change(exchange.socket.number, tag: UInt64(slot), writable: true)
    }

    private func showProgress(after elapsed: Instant.Span, since shown: UInt64) -> UInt64 {
        let answering = exchanges.count { $0.isAnswering(at: MonotonicClock.now(), within: .seconds(1)) }
        let echoes = exchanges.reduce(0) { $0 + $1.echoes }
        let longest = exchanges.map(\.longestSilence.length).max() ?? .init(nanoseconds: 0)
        printProgress(
            "\(elapsed.milliseconds / 1_000) s: \(answering) of \(exchanges.count) answering, "
                + "\(echoes - shown) exchanges, longest silence so far \(longest.milliseconds) ms")
        return echoes
    }

    /// Takes events until a deadline or until enough is done; at least one look.
    private mutating func turn(until deadline: Instant, enough: ([Exchange]) -> Bool) throws(LabError) {
        repeat {
            let count = queue.wait(until: deadline)
            let now = MonotonicClock.now()
            for index in 0..<count {
                let event = queue[index]
                guard event.tag < UInt64(exchanges.count) else { continue }
                try handle(event, exchanges[Int(event.tag)], at: now)
            }
        } while !enough(exchanges) && MonotonicClock.now() < deadline
    }

    private mutating func handle(
        _ event: ReadyList.Entry, _ exchange: Exchange, at now: Instant
    ) throws(LabError) {
        if event.isWritable || event.isBroken, exchange.state == .connecting {
            exchange.becameWritable(at: now)
            try queue.change(exchange.socket.number, tag: event.tag, writable: false)
        }
        if event.isWritable, exchange.hasUnsent {
            exchange.sendUnsent()
            if !exchange.hasUnsent { try queue.change(exchange.socket.number, tag: event.tag, writable: false) }
        }
        if event.isReadable || event.isBroken { exchange.receive(through: &buffer, at: now) }
        if exchange.state == .reset || exchange.state == .refused { try queue.forget(exchange.socket.number) }
    }
}
