internal import Bytes
public import Conntrack
internal import Glibc
internal import LinuxIO
public import StateMachine

/// Writes flows and expectations into the kernel's tables, a batch a system call.
///
/// Requests carry no NLM_F_ACK: ctnetlink works while the send lasts and answers errors only, so what is not refused
/// when the send is back was done.
public struct ConntrackWriter: ~Copyable {
    /// Room for the errors of a whole batch: 128 of less than 1 KiB each as the kernel accounts them.
    static let receiveBuffer = 1 << 20
    /// Bytes of an error: two headers and a code.
    static let largestAnswer = 128
    /// Two requests for a replacement.
    static let requestsPerWrite = 2

    /// Answers that were not understood, by reason.
    public private(set) var refusals = CounterTable<MessageRefusal>()
    /// How often answers were lost, so that the outcome of a batch is unknown.
    public private(set) var lostAnswers: UInt64 = 0

    private let socket: NetlinkSocket
    private var inbox = NetlinkInbox(limit: 64, datagramCapacity: Self.largestAnswer)
    var requests = FlowMessageWriter(requests: WriteBatch.limit * Self.requestsPerWrite)
    var outcomes: [WriteRefusal?] = []
    var sequence: UInt32 = 1

    /// Opens the socket and asks the kernel one harmless thing, so that a missing right shows here and not later.
    public static func open() throws(ConntrackError) -> ConntrackWriter {
        var writer: ConntrackWriter
        do {
            var socket = try NetlinkSocket(.netfilter)
            try socket.setReceiveBuffer(bytes: Self.receiveBuffer)
            try socket.set(.shortErrors)
            try socket.bind()
            writer = ConntrackWriter(socket)
        } catch {
            throw ConntrackError(error)
        }
        try writer.probe()
        return writer
    }

    private init(_ socket: consuming NetlinkSocket) {
        self.socket = socket
        outcomes.reserveCapacity(WriteBatch.limit)
    }

    /// The port id by which events of these writes are recognised.
    public var portID: UInt32 { socket.portID }

    /// Writes a batch and fills its `refused`, in the order of the writes.
    ///
    /// A replacement whose flow is not there is a creation. Where the kernel's answers were lost (`lostAnswers`), every
    /// write of the batch without an answer is refused as `other`: it may have been done, a creation that is repeated
    /// then meets `exists`.
    public mutating func write(_ batch: inout WriteBatch) throws(ConntrackError) {
        batch.refused.removeAll(keepingCapacity: true)
        guard !batch.writes.isEmpty else { return }
        outcomes.removeAll(keepingCapacity: true)
        requests.buffer.rewind()
        let first = sequence
        for write in batch.writes {
            let canExpress = FlowMessageWriter.canExpress(write.flow)
            outcomes.append(canExpress ? nil : .invalid)
            if canExpress { append(write) }
            sequence &+= UInt32(Self.requestsPerWrite)
        }
        try exchange(first: first)
        for (index, outcome) in outcomes.enumerated() {
            if let reason = outcome { batch.refused.append(WriteBatch.Refused(index: index, reason: reason)) }
        }
    }

    private mutating func append(_ write: FlowWrite) {
        switch write.verb {
        case .create:
            requests.create(write.flow, liberal: write.liberal, sequence: sequence &+ 1)
        case .replace:
            requests.delete(write.flow, sequence: sequence)
            requests.create(write.flow, liberal: write.liberal, sequence: sequence &+ 1)
        case .update:
            requests.update(write.flow, liberal: write.liberal, sequence: sequence &+ 1)
        case .makeStrict:
            requests.makeStrict(write.flow, sequence: sequence &+ 1)
        case .prolong:
            requests.prolong(write.flow, sequence: sequence &+ 1)
        case .delete:
            requests.delete(write.flow, sequence: sequence &+ 1)
        }
    }

    /// Sends the requests of the buffer, if there are any, and notes what was refused.
    mutating func exchange(first: UInt32) throws(ConntrackError) {
        guard requests.buffer.count > 0 else { return }
        do {
            try requests.buffer.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
        } catch {
            throw ConntrackError(error)
        }
        try readAnswers(first: first)
    }

    /// Reads errors until none is left.
    private mutating func readAnswers(first: UInt32) throws(ConntrackError) {
        while true {
            let receipt: NetlinkReceipt
            do { receipt = try socket.receive(into: &inbox) } catch { throw ConntrackError(error) }
            switch receipt {
            case .wouldBlock: return
            case .overran:
                lostAnswers &+= 1
                for index in outcomes.indices where outcomes[index] == nil { outcomes[index] = .other }
            case .datagrams(let count):
                for index in 0..<count { takeAnswer(index, first: first) }
            }
        }
    }

    private mutating func takeAnswer(_ index: Int, first: UInt32) {
        guard inbox.isFromKernel(index) else { return refusals.count(.notFromKernel) }
        do throws(MessageRefusal) {
            let (errno, answered) = try inbox.withDatagram(index) { bytes throws(MessageRefusal) in
                var cursor = ByteCursor(bytes)
                let message = try NetlinkMessage(bytes, &cursor)
                guard message.type == NetlinkMessage.error else { throw .notAFlow }
                return try message.failure(bytes)
            }
            let distance = Int(answered &- first)
            let place = distance / Self.requestsPerWrite
            // An answer to an earlier batch would be a broken promise of the kernel; it must not refuse a write here.
            guard place < outcomes.count, errno != 0 else { return refusals.count(.notAFlow) }
            let isRemoval = distance % Self.requestsPerWrite == 0
            // A replacement has two answers; that there was nothing to remove is none, and the creation's counts.
            if isRemoval, errno == ENOENT { return }
            outcomes[place] = WriteRefusal(errno: errno)
        } catch {
            refusals.count(error)
        }
    }

    /// Asks for a flow that cannot exist.
    private mutating func probe() throws(ConntrackError) {
        let tuple = Tuple(source: .any, destination: .any, family: .ipv4, protocol: .udp)
        requests.buffer.rewind()
        requests.get(tuple, sequence: sequence)
        sequence &+= UInt32(Self.requestsPerWrite)
        do throws(NetlinkError) {
            try requests.buffer.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
            guard case .datagrams = try socket.receive(into: &inbox) else {
                throw NetlinkError.failed(.receive, errno: 0)
            }
        } catch {
            throw ConntrackError(error)
        }
        let answer: (errno: Int32, sequence: UInt32)?
        answer = inbox.withDatagram(0) { bytes in
            var cursor = ByteCursor(bytes)
            guard let message = try? NetlinkMessage(bytes, &cursor), message.type == NetlinkMessage.error else {
                return nil
            }
            return try? message.failure(bytes)
        }
        if let answer, let error = ConntrackError.sort(answer: answer.errno) { throw error }
    }
}

extension WriteRefusal {
    /// Names the kernel's error code.
    init(errno: Int32) {
        self =
            switch errno {
            // EALREADY: another flow's helper expects the same.
            case EEXIST, EALREADY: .exists
            case ENOENT: .notFound
            case EBUSY: .busy
            case EOPNOTSUPP: .unsupported
            // EMFILE: as many expectations as the table, or the helper's policy for one flow, allows.
            case ENOMEM, EMFILE: .tableFull
            case ENOSPC: .noSpace
            case EINVAL: .invalid
            case EPERM: .notPermitted
            case ETIME: .dying
            case EAGAIN: .again
            default: .other
            }
    }
}
