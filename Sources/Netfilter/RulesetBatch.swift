internal import Bytes
internal import LinuxIO

/// One transaction of nf_tables: either the kernel does all of it, or nothing (nfnetlink.c, nfnetlink_rcv_batch).
///
/// It is a datagram of messages between a begin and an end. All speak of one table of the family inet.
struct RulesetBatch: ~Copyable {
    /// What a message does; raw values are those of enum nf_tables_msg_types (linux/netfilter/nf_tables.h).
    enum Verb: UInt8 {
        case newTable = 0
        case deleteTable = 2
        case newChain = 3
        case newRule = 6
        case newSet = 9
        case newElements = 12
        case deleteElements = 14
        case newObject = 18
        case getObject = 19

        /// NFNL_SUBSYS_NFTABLES and the message.
        var type: UInt16 { 10 << 8 | UInt16(rawValue) }
    }

    /// NFPROTO_INET: packets of IPv4 and IPv6.
    static let family: UInt8 = 1
    private static let beginMessage: UInt16 = 0x10
    private static let endMessage: UInt16 = 0x11
    /// A table with all that is in it takes 1.5 KiB, and 28 bytes for each interface.
    private static let room = 8

    private var writer = FlowMessageWriter(requests: Self.room)
    /// The number of the begin; the messages count on from it.
    let first: UInt32
    private(set) var last: UInt32
    private var lastStart = 0

    /// Begins a transaction.
    init(sequence: UInt32) {
        first = sequence
        last = sequence
        bracket(Self.beginMessage)
    }

    /// Appends a message; `body` writes its attributes.
    mutating func append(_ verb: Verb, flags: UInt16 = 0, _ body: (inout FlowMessageWriter) -> Void) {
        last &+= 1
        lastStart = writer.begin(verb.type, flags: flags, sequence: last, family: nil)
        writer.buffer.patch(Self.family, at: lastStart + NetlinkMessage.headerSize)
        body(&writer)
        writer.finish(lastStart)
    }

    /// Ends the transaction and hands it over; the kernel has done all of it when this returns.
    consuming func commit(through socket: borrowing NetlinkSocket) throws(HoldError) {
        // The last message alone is acknowledged: it is done if and only if all are.
        writer.buffer.patchNative(NetlinkMessage.Flags.request | NetlinkMessage.Flags.acknowledge, at: lastStart + 6)
        bracket(Self.endMessage)
        do { try writer.buffer.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) } } catch {
            throw HoldError(error)
        }
        var isDone = false
        var failure: HoldError?
        let (first, last) = (first, last)
        try Self.readAnswers(of: socket) { message, bytes in
            guard message.type == NetlinkMessage.error, let (errno, sequence) = try? message.failure(bytes) else {
                return
            }
            if errno != 0, failure == nil { failure = HoldError(errno, ofWholeBatch: sequence == first) }
            if errno == 0, sequence == last { isDone = true }
        }
        if let failure { throw failure }
        guard isDone else { throw .unanswered }
    }

    /// Shows the messages that wait: the kernel answers before a send returns.
    static func readAnswers(
        of socket: borrowing NetlinkSocket, _ body: (NetlinkMessage, borrowing RawSpan) -> Void
    ) throws(HoldError) {
        var inbox = NetlinkInbox(limit: 4, datagramCapacity: 4_096)
        while true {
            let receipt: NetlinkReceipt
            do { receipt = try socket.receive(into: &inbox) } catch { throw HoldError(error) }
            switch receipt {
            case .wouldBlock: return
            case .overran: throw .unanswered
            case .datagrams(let count):
                for index in 0..<count where inbox.isFromKernel(index) {
                    inbox.withDatagram(index) { bytes in
                        var cursor = ByteCursor(bytes)
                        while cursor.remaining > 0, let message = try? NetlinkMessage(bytes, &cursor) {
                            body(message, bytes)
                        }
                    }
                }
            }
        }
    }

    /// Appends the begin or the end, which name the subsystem where other messages name nothing (struct nfgenmsg).
    private mutating func bracket(_ type: UInt16) {
        let start = writer.begin(type, flags: 0, sequence: type == Self.endMessage ? last &+ 1 : first, family: nil)
        writer.buffer.patch(UInt16(10), at: start + NetlinkMessage.headerSize + 2)
        writer.finish(start)
    }
}

/// What nf_tables' attributes have beside those of flows.
extension FlowMessageWriter {
    /// Appends a text with its final zero.
    mutating func append(_ type: UInt16, text: String) {
        appendHeader(type, size: text.utf8.count + 1)
        buffer.append(utf8: text)
        buffer.append(UInt8(0))
        buffer.pad(to: 4)
    }

    /// Appends attributes inside an attribute.
    mutating func nest(_ type: UInt16, _ body: (inout FlowMessageWriter) -> Void) {
        let start = open(type)
        body(&self)
        close(start)
    }

    /// Appends four bytes in the machine's order, as the kernel's registers hold numbers (NFTA_DATA_VALUE).
    mutating func nest(_ type: UInt16, nativeValue: UInt32) {
        nest(type) { writer in
            writer.appendHeader(1, size: 4)
            writer.buffer.appendNative(nativeValue)
        }
    }
}
