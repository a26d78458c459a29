internal import Bytes
public import Conntrack
internal import LinuxIO

/// Asks the kernel for single flows.
public struct ConntrackLookup: ~Copyable {
    private let socket: NetlinkSocket
    private var inbox = NetlinkInbox(limit: 1, datagramCapacity: ConntrackEvents.largestEvent)
    private var request = FlowMessageWriter(requests: 1)
    private var sequence: UInt32 = 0

    /// Opens the socket.
    public static func open() throws(ConntrackError) -> ConntrackLookup {
        do {
            var socket = try NetlinkSocket(.netfilter)
            try socket.set(.shortErrors)
            try socket.bind()
            return ConntrackLookup(socket)
        } catch {
            throw ConntrackError(error)
        }
    }

    private init(_ socket: consuming NetlinkSocket) { self.socket = socket }

    /// The flow with an original tuple, nil if there is none.
    public mutating func find(_ original: Tuple) throws(ConntrackError) -> Flow? {
        sequence &+= 1
        request.buffer.rewind()
        request.get(original, sequence: sequence)
        let isAnswered: Bool
        do throws(NetlinkError) {
            try request.buffer.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
            isAnswered = try socket.receive(into: &inbox) == .datagrams(1)
        } catch {
            throw ConntrackError(error)
        }
        // The kernel answers while the send lasts; silence or nonsense is no ctnetlink.
        guard isAnswered, inbox.isFromKernel(0), !inbox.isTruncated(0) else { throw .unavailable }
        var refusal: ConntrackError?
        var flow: Flow?
        inbox.withDatagram(0) { bytes in
            do throws(MessageRefusal) {
                var cursor = ByteCursor(bytes)
                let message = try NetlinkMessage(bytes, &cursor)
                if message.type == NetlinkMessage.error {
                    refusal = ConntrackError.sort(answer: try message.failure(bytes).errno)
                } else {
                    flow = try FlowParser.dumped(message, bytes).flow
                }
            } catch {
                refusal = .unavailable
            }
        }
        if let refusal { throw refusal }
        return flow
    }
}
