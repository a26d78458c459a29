internal import Bytes
public import Conntrack
internal import Glibc
internal import LinuxIO
public import StateMachine

/// How far a dump is.
public enum DumpProgress: Equatable, Sendable {
    /// There is more, or will be: read again.
    case more
    /// All that the table held at some moment between begin and end was read.
    case finished
    /// The end is reached, but the table was rebuilt meanwhile (NLM_F_DUMP_INTR): flows may be missing or double.
    case interrupted
    /// The kernel broke off with an errno.
    case failed(Int32)
}

/// Reads the kernel's whole table, or all its expectations, in slices, on a socket of its own.
///
/// Not a snapshot: the kernel walks its buckets one by one (nf_conntrack_netlink.c, ctnetlink_dump_table).
public struct ConntrackDump: ~Copyable {
    /// Bytes of one receive.
    ///
    /// The kernel fills 32 KiB a message at most (af_netlink.c, netlink_recvmsg).
    static let largestDatagram = 65_536

    /// Messages that were not taken, by reason.
    public private(set) var refusals = CounterTable<MessageRefusal>()

    private var socket: NetlinkSocket?
    private var inbox = NetlinkInbox(limit: 1, datagramCapacity: Self.largestDatagram)
    /// Where the unread rest of the datagram begins; nil if there is none.
    private var rest: Int?
    private var sequence: UInt32 = 0
    private var wasInterrupted = false

    /// Makes a reader that has nothing to read yet.
    public init() {}

    /// Whether a dump is under way.
    public var isRunning: Bool { socket != nil }

    /// Begins a dump of one family, or of both; one that is under way is abandoned.
    public mutating func begin(_ family: AddressFamily? = nil) throws(ConntrackError) {
        var request = FlowMessageWriter(requests: 1)
        request.dump(family, sequence: sequence &+ 1)
        try send(request)
    }

    /// Begins a dump of the expectations of both families; one that is under way is abandoned.
    public mutating func beginExpectations() throws(ConntrackError) {
        var request = FlowMessageWriter(requests: 1)
        request.dumpExpectations(sequence: sequence &+ 1)
        try send(request)
    }

    private mutating func send(_ request: borrowing FlowMessageWriter) throws(ConntrackError) {
        // A fresh socket: the kernel refuses a second dump on one (EBUSY), and old answers must not come between.
        socket = nil
        rest = nil
        wasInterrupted = false
        sequence &+= 1
        do {
            var fresh = try NetlinkSocket(.netfilter)
            try fresh.setReceiveBuffer(bytes: 1 << 20)
            try fresh.bind()
            try request.buffer.withBytes { bytes throws(NetlinkError) in try fresh.send(bytes) }
            socket = consume fresh
        } catch {
            throw ConntrackError(error)
        }
    }

    /// Reads on until the batch is full or the dump ends; events are of kind `dumped`.
    ///
    /// The kernel prepares the next datagram while one is read, so this never waits long.
    public mutating func read(into batch: inout EventBatch) throws(ConntrackError) -> DumpProgress {
        while !batch.isFull {
            if rest == nil {
                guard try receive() else { return socket == nil ? .finished : .more }
            }
            if let end = take(into: &batch) {
                socket = nil
                rest = nil
                inbox.removeAll()
                return end
            }
        }
        return .more
    }

    /// Receives the next datagram; whether there was one.
    private mutating func receive() throws(ConntrackError) -> Bool {
        guard socket != nil else { return false }
        do throws(NetlinkError) {
            switch try socket?.receive(into: &inbox) {
            case .datagrams: break
            case .wouldBlock, nil: return false
            case .overran: throw NetlinkError.failed(.receive, errno: ENOBUFS)
            }
        } catch {
            socket = nil
            throw ConntrackError(error)
        }
        if !inbox.isFromKernel(0) {
            refusals.count(.notFromKernel)
        } else if inbox.isTruncated(0) {
            refusals.count(.datagramTooLong)
        } else {
            rest = 0
        }
        return true
    }

    /// Takes messages of the datagram until the batch is full; the end of the dump, if it came.
    private mutating func take(into batch: inout EventBatch) -> DumpProgress? {
        guard let start = rest else { return nil }
        var position = start
        var end: DumpProgress?
        inbox.withDatagram(0) { bytes in
            var cursor = ByteCursor(from: start, to: bytes.byteCount)
            while cursor.remaining > 0, !batch.isFull, end == nil {
                do throws(MessageRefusal) {
                    let message = try NetlinkMessage(bytes, &cursor)
                    if message.flags & NetlinkMessage.Flags.dumpInterrupted != 0 { wasInterrupted = true }
                    switch message.type {
                    case NetlinkMessage.done, NetlinkMessage.error:
                        end = Self.end(message, bytes, wasInterrupted: wasInterrupted)
                    default:
                        if ExpectationParser.isResponsible(for: message) {
                            batch.append(try ExpectationParser.dumped(message, bytes))
                        } else {
                            batch.append(try FlowParser.dumped(message, bytes))
                        }
                    }
                } catch {
                    refusals.count(error)
                    // Behind a broken header nothing can be found any more.
                    if error == .truncatedMessage { break }
                }
            }
            position = cursor.remaining > 0 && batch.isFull ? cursor.offset : bytes.byteCount
        }
        rest = position < inbox.size(of: 0) ? position : nil
        return end
    }

    private static func end(
        _ message: NetlinkMessage, _ bytes: borrowing RawSpan, wasInterrupted: Bool
    ) -> DumpProgress {
        var payload = message.payload
        // Both begin with a negative errno; an end without one is an end without an error.
        let code = (try? payload.readNativeUInt32(bytes)).map { Int32(bitPattern: $0) } ?? 0
        if code != 0 { return .failed(0 &- code) }
        return wasInterrupted ? .interrupted : .finished
    }
}
