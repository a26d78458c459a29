internal import Bytes
internal import ControlProtocol
internal import LinuxIO
internal import Netfilter
internal import StateMachine

/// One command at the control socket: its connection, what it asked, and what it has not read yet.
///
/// A session has one request at a time; it lives on the control thread alone.
final class ControlSession {
    /// What the session waits for.
    enum Pending: Equatable {
        case nothing
        case status
        case statistics
        case preflight
        case listing
        case table
        case answer(id: UInt64, since: Instant)
    }

    /// Bytes that wait to be read by the other end, before a listing is suspended.
    static let outgoingLimit = 1 << 20
    /// How long the other end may neither ask nor read what it asked for.
    static let patience = Instant.Span.seconds(10)

    let number: UInt64
    let connection: UnixConnection
    let peer: UnixConnection.Peer
    /// Whether the session may do nothing but notify.
    let isNotifyOnly: Bool
    var pending = Pending.nothing
    var dump = ConntrackDump()
    var toldProgress: Instant = .origin
    /// The rest of a listing whose reader is slow.
    var suspendedListing: Mailbox.ListingRequest?
    /// What goes out with each part of a listing of the kernel's table.
    var tableWarning: String?
    private var assembler = FrameAssembler()
    private var outgoing: [UInt8] = []
    private var written = 0
    private(set) var isClosed = false
    /// When bytes last moved, or the last answer was given.
    private(set) var lastMoved: Instant
    /// The other end has sent all it will.
    private var hasFinished = false

    init(number: UInt64, connection: consuming UnixConnection, peer: UnixConnection.Peer, isNotifyOnly: Bool) {
        self.number = number
        self.connection = connection
        self.peer = peer
        self.isNotifyOnly = isNotifyOnly
        lastMoved = MonotonicClock.now()
    }

    /// What the session is to be waited for.
    ///
    /// One that is busy is not read, so that its next request queues there; one whose other end is done is always
    /// readable, and so is not waited for that.
    var conditions: Epoll.Conditions {
        var conditions: Epoll.Conditions = pending == .nothing && !hasFinished ? .readable : []
        if wantsToWrite { conditions.insert(.writable) }
        return conditions
    }

    /// Whether the other end owes the next step: a request, or reading.
    var isAwaited: Bool { pending == .nothing || wantsToWrite }

    /// Whether the other end has owed the next step for too long.
    func isStalled(at now: Instant) -> Bool { isAwaited && now.since(lastMoved) >= Self.patience }

    /// Whether something waits to be written.
    var wantsToWrite: Bool { written < outgoing.count }

    /// Whether more may be queued.
    var hasRoom: Bool { outgoing.count - written < Self.outgoingLimit }

    /// Reads what came; the next whole request, or nil.
    ///
    /// A broken stream is answered and closed.
    func nextRequest() -> ControlRequest? {
        guard pending == .nothing, !isClosed else { return nil }
        readAvailable()
        do {
            guard var payload = try assembler.next() else {
                if hasFinished, !wantsToWrite { isClosed = true }
                return nil
            }
            let request = try ControlRequest(payload: payload)
            payload.wipe()
            return request
        } catch {
            send(.refused("the request cannot be read (\(error)): command and agent are of different versions"))
            flush()
            isClosed = true
            return nil
        }
    }

    /// Queues a reply and writes what goes; progress is for whoever reads.
    func send(_ reply: ControlReply) {
        if case .progress = reply, wantsToWrite { return }
        do {
            if written > 0 {
                outgoing.removeFirst(written)
                written = 0
            }
            outgoing += try reply.frame()
        } catch {
            isClosed = true
        }
        if reply.isLast { pending = .nothing }
        lastMoved = MonotonicClock.now()
        flush()
    }

    /// Writes what the other end can take now.
    func flush() {
        while wantsToWrite, !isClosed {
            let outcome = try? outgoing.withBytes { bytes throws(SystemCallError) in
                try connection.write(bytes, from: written)
            }
            switch outcome {
            case .moved(let count):
                written += count
                lastMoved = MonotonicClock.now()
            case .wouldBlock: return
            case .closed, nil: isClosed = true
            }
        }
        outgoing.removeAll(keepingCapacity: true)
        written = 0
        if hasFinished, pending == .nothing, assembler.pendingCount == 0 { isClosed = true }
    }

    /// Wipes what was read: it held a secret.
    func wipe() { assembler.wipe() }

    /// Gives the session up.
    func close() { isClosed = true }

    private func readAvailable() {
        var chunk: [UInt8] = []
        for _ in 0..<4 {
            chunk.removeAll(keepingCapacity: true)
            switch try? connection.read(into: &chunk, limit: 16_384) {
            case .moved:
                assembler.append(chunk)
                chunk.wipe()
                lastMoved = MonotonicClock.now()
            case .wouldBlock: return
            case .closed, nil:
                hasFinished = true
                return
            }
        }
    }
}
