internal import StateMachine

/// One long-lived connection: what it sent, what came back, and its longest silence.
final class Exchange {
    let socket: EchoSocket
    /// How it stands with the other side.
    private(set) var state = State.connecting
    /// The echoes received.
    private(set) var echoes: UInt64 = 0
    /// The longest time between two echoes, and when it ended.
    private(set) var longestSilence = Silence(length: .init(nanoseconds: 0), end: .origin)
    /// Messages that came back changed, twice or out of order.
    private(set) var garbled: UInt64 = 0

    private let transport: Transport
    private var sent: UInt64 = 0
    private var lastEcho = Instant.origin
    private var partial: [UInt8] = []
    private let messageSize: Int
    private var message: [UInt8]
    private var written: Int

    /// What a connection can be.
    enum State: Equatable {
        /// The other side has not accepted yet.
        case connecting
        case open
        /// The connection attempt failed.
        case refused
        /// Reset or closed by the other side, or broken by an error.
        case reset
    }

    /// A time without an echo.
    struct Silence {
        var length: Instant.Span
        var end: Instant
    }

    /// Bytes of a message's sequence number, big-endian; padding follows.
    static let sequenceSize = 8

    init(_ socket: consuming EchoSocket, _ transport: Transport, messageSize: Int) {
        self.socket = socket
        self.transport = transport
        self.messageSize = messageSize
        message = [UInt8](repeating: 0, count: messageSize)
        written = messageSize
    }

    /// Whether a part of a message waits for the socket to become writable.
    var hasUnsent: Bool { state == .open && written < messageSize }

    /// Whether the last message sent has come back.
    var isAnswered: Bool { sent > 0 && echoes == sent }

    /// Whether it is open and its last echo is not older than a span.
    func isAnswering(at now: Instant, within span: Instant.Span) -> Bool {
        state == .open && now.since(lastEcho) <= span
    }

    /// Settles the connection attempt once the socket is writable.
    func becameWritable(at now: Instant) {
        guard state == .connecting else { return }
        state = socket.connectionError() == 0 ? .open : .refused
        lastEcho = now
    }

    /// Begins to measure here: the wait for other connections to open is no silence.
    func start(at now: Instant) { lastEcho = now }

    /// Sends the next message; over TCP only when the one before has come back.
    func sendNext() {
        guard state == .open, transport == .udp || sent == echoes else { return }
        for index in 0..<Self.sequenceSize {
            message[index] = UInt8(truncatingIfNeeded: sent >> UInt64(8 * (Self.sequenceSize - 1 - index)))
        }
        sent += 1
        written = 0
        sendUnsent()
    }

    /// Goes on with a message that the socket did not take whole.
    func sendUnsent() {
        guard hasUnsent else { return }
        switch socket.write(message, count: messageSize, from: written) {
        case .bytes(let count): written += count
        // A datagram is lost then; a stream goes on later.
        case .wouldBlock: if transport == .udp { written = messageSize }
        case .closed: state = .reset
        // A UDP socket reports an unreachable host once and goes on.
        case .failed: if transport == .tcp { state = .reset } else { written = messageSize }
        }
    }

    /// Takes what has arrived.
    func receive(through buffer: inout [UInt8], at now: Instant) {
        while state == .open {
            switch socket.read(into: &buffer) {
            case .bytes(let count):
                partial.append(contentsOf: buffer[..<count])
                takeMessages(at: now)
            case .wouldBlock: return
            case .closed: state = .reset
            case .failed:
                if transport == .udp { return }
                state = .reset
            }
        }
    }

    private func takeMessages(at now: Instant) {
        while partial.count >= messageSize {
            let sequence = partial.prefix(Self.sequenceSize).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            partial.removeFirst(messageSize)
            // Lost datagrams are skipped: the next echo ends the silence.
            guard sequence < sent, transport == .udp ? sequence >= echoes : sequence == echoes else {
                garbled += 1
                continue
            }
            echoes = sequence + 1
            endSilence(at: now)
        }
    }

    private func endSilence(at now: Instant) {
        let length = now.since(lastEcho)
        if length > longestSilence.length { longestSilence = Silence(length: length, end: now) }
        lastEcho = now
    }

    /// Counts a silence that has not ended.
    func close(at now: Instant) {
        if state == .reset || !isAnswered { endSilence(at: now) }
    }
}
