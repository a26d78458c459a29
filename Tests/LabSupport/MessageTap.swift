internal import Bytes
internal import LinuxIO
public import Netfilter

/// What the kernel of this thread's namespace says of flows and expectations, byte by byte, and whether our parsers and
/// libnetfilter_conntrack read the same out of it.
///
/// Opened before the traffic, it holds the events until `receive`; `dump` adds what the table shows.
public struct MessageTap: ~Copyable {
    /// One message, from its netlink header on.
    public struct Message: Hashable, Sendable {
        public let bytes: [UInt8]
        /// A line of a dump, not an event.
        public let isDumped: Bool

        /// Makes a message.
        public init(bytes: [UInt8], isDumped: Bool) {
            self.bytes = bytes
            self.isDumped = isDumped
        }

        /// Names each attribute that the library reads differently.
        public var differences: [String] { Oracle.differences(bytes, isDumped: isDumped) }

        /// The message without what tells only when and for whom it was sent: sequence number and port id.
        fileprivate var content: Message {
            var bytes = bytes
            for place in 8..<min(16, bytes.count) { bytes[place] = 0 }
            return Message(bytes: bytes, isDumped: isDumped)
        }
    }

    /// Messages whose content differs, seen so far.
    public var distinct: Int { seen.count }
    /// Messages that the library reads differently, in words.
    public private(set) var differences: [String] = []
    /// Whether events were lost, so that not every message was seen.
    public private(set) var overran = false

    private let socket: NetlinkSocket
    private var seen: Set<Message> = []

    /// Listens to groups in the network namespace of the calling thread.
    public init(groups: [ConntrackEvents.Group] = ConntrackEvents.Group.allCases) throws {
        var socket = try NetlinkSocket(.netfilter)
        try socket.setReceiveBuffer(bytes: 32 << 20)
        try socket.bind()
        for group in groups { try socket.join(group: group.rawValue) }
        self.socket = socket
    }

    /// Takes and compares the events that are there; never waits.
    @discardableResult
    public mutating func receive() throws -> [Message] {
        var messages: [Message] = []
        var inbox = NetlinkInbox(limit: 64, datagramCapacity: 8_192)
        while true {
            switch try socket.receive(into: &inbox) {
            case .wouldBlock:
                compare(messages)
                return messages
            case .overran: overran = true
            case .datagrams(let count):
                for index in 0..<count { messages += Self.messages(in: inbox, index, isDumped: false) }
            }
        }
    }

    /// Dumps flows and expectations of this thread's namespace, and compares each line.
    @discardableResult
    public mutating func dump() throws -> [Message] {
        let messages = try Self.dump(subsystem: 1) + Self.dump(subsystem: 2)
        compare(messages)
        return messages
    }

    private mutating func compare(_ messages: [Message]) {
        for message in messages where seen.insert(message.content).inserted {
            let found = message.differences
            guard !found.isEmpty else { continue }
            let digits = message.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            differences.append("\(found.joined(separator: "; ")) in \(digits)")
        }
    }

    /// NFNL_SUBSYS_CTNETLINK is 1, NFNL_SUBSYS_CTNETLINK_EXP 2; the message is 1 in both, get.
    private static func dump(subsystem: UInt16) throws -> [Message] {
        var socket = try NetlinkSocket(.netfilter)
        try socket.setReceiveBuffer(bytes: 4 << 20)
        try socket.bind()
        var request = ByteWriter(capacity: 20)
        request.appendNative(UInt32(20))
        request.appendNative(subsystem << 8 | 1)
        // NLM_F_REQUEST and NLM_F_DUMP.
        request.appendNative(UInt16(0x301))
        request.appendNative(UInt32(1))
        request.appendNative(UInt32(0))
        // struct nfgenmsg: both families.
        request.append(UInt32(0))
        try request.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
        var messages: [Message] = []
        var inbox = NetlinkInbox(limit: 1, datagramCapacity: 65_536)
        while case .datagrams = try socket.receive(into: &inbox) {
            let found = Self.messages(in: inbox, 0, isDumped: true)
            let lines = found.filter { $0.bytes[5] == UInt8(subsystem) }
            messages += lines
            // The end of the dump is a control message.
            if lines.count < found.count { break }
        }
        return messages
    }

    /// The messages of one datagram, up to a header that is broken.
    private static func messages(in inbox: borrowing NetlinkInbox, _ index: Int, isDumped: Bool) -> [Message] {
        var messages: [Message] = []
        inbox.withDatagram(index) { bytes in
            var cursor = ByteCursor(bytes)
            while cursor.remaining > 0 {
                let start = cursor.offset
                guard let message = try? NetlinkMessage(bytes, &cursor) else { return }
                let whole = [UInt8](bytes)[start..<message.payload.end]
                messages.append(Message(bytes: Array(whole), isDumped: isDumped))
            }
        }
        return messages
    }
}
