internal import Bytes
internal import Conntrack
internal import LinuxIO
public import StateMachine

/// The hold's table: it counts what would begin flows here, and drops that while it is told to.
///
/// In the words of nft(8), one chain in front of all others that see forwarded packets:
///
///     table inet ctsync-ha {
///         flags owner
///         set watched { type ifname; }
///         set held { type ifname; timeout 5s; }
///         chain forward {
///             type filter hook forward priority raw; policy accept;
///             iifname @watched ct state invalid,new counter name "seen"
///             iifname @held ct state invalid,new counter name "held" drop
///         }
///     }
///
/// The table is gone as soon as its socket closes, and only its owner can change it: `nft flush ruleset` passes it
/// over. The elements of `held` go by themselves unless they are renewed, so that the hold of an agent that hangs
/// dissolves. To renew one it must be deleted and added in one transaction: adding it again changes nothing
/// (nf_tables_api.c). Where nothing else tracks packets, the rules make the kernel do so while the table lives.
public struct HoldTable: ~Copyable, Sendable {
    /// The table's name.
    public static let name = "ctsync-ha"
    /// Interfaces at most; a group of keepalived's with more is unheard of.
    public static let interfaceLimit = 64

    private enum Chosen {
        static let chain = "forward"
        static let watched = "watched"
        static let held = "held"
        static let seen = "seen"
    }

    private let socket: NetlinkSocket
    private let interfaces: [String]
    private var sequence: UInt32 = 1

    /// Makes the table in the network namespace of the calling thread; it drops nothing yet.
    ///
    /// - Parameters:
    ///   - interfaces: names of those through which packets come in; they need not exist.
    ///   - lifetime: how long packets are dropped after the last `close`.
    public static func make(interfaces: [String], lifetime: Instant.Span) throws(HoldError) -> HoldTable {
        precondition(interfaces.count <= interfaceLimit)
        var table = HoldTable(socket: try openSocket(), interfaces: interfaces)
        var batch = RulesetBatch(sequence: table.sequence)
        makeTable(&batch)
        makeSet(Chosen.watched, number: 1, lifetime: nil, &batch)
        makeSet(Chosen.held, number: 2, lifetime: lifetime, &batch)
        for name in [Chosen.seen, Chosen.held] { makeCounter(name, &batch) }
        makeRule(of: Chosen.watched, counter: Chosen.seen, drops: false, &batch)
        makeRule(of: Chosen.held, counter: Chosen.held, drops: true, &batch)
        addElements(interfaces, to: Chosen.watched, &batch)
        try table.finish(batch)
        return table
    }

    private init(socket: consuming NetlinkSocket, interfaces: [String]) {
        self.socket = socket
        self.interfaces = interfaces
    }

    /// Drops from now on, for a lifetime.
    public mutating func close() throws(HoldError) {
        var batch = RulesetBatch(sequence: sequence)
        Self.empty(Chosen.held, &batch)
        Self.addElements(interfaces, to: Chosen.held, &batch)
        try finish(batch)
    }

    /// Drops nothing any more.
    public mutating func open() throws(HoldError) {
        var batch = RulesetBatch(sequence: sequence)
        Self.empty(Chosen.held, &batch)
        try finish(batch)
    }

    /// Removes the table with all that is in it, so that the socket has nothing to clear away when it closes.
    ///
    /// The kernel clears the table of a socket that closes while the caller waits, for a third of a second
    /// (nft_rcv_nl_event); that of a transaction it clears later.
    public mutating func remove() throws(HoldError) {
        var batch = RulesetBatch(sequence: sequence)
        batch.append(.deleteTable) { $0.append(1, text: Self.name) }
        try finish(batch)
    }

    /// The packets so far that would have begun flows, whether they were dropped or not.
    public mutating func seen() throws(HoldError) -> UInt64 { try packets(of: Chosen.seen) }

    /// The packets dropped so far.
    public mutating func held() throws(HoldError) -> UInt64 { try packets(of: Chosen.held) }

    private static func openSocket() throws(HoldError) -> NetlinkSocket {
        do {
            var socket = try NetlinkSocket(.netfilter)
            try socket.bind()
            try socket.set(.shortErrors)
            return socket
        } catch {
            throw HoldError(error)
        }
    }

    private mutating func finish(_ batch: consuming RulesetBatch) throws(HoldError) {
        sequence = batch.last &+ 2
        try batch.commit(through: socket)
    }

    // MARK: Messages. The numbers of attributes and values are those of linux/netfilter/nf_tables.h.

    private static let creating = NetlinkMessage.Flags.create | NetlinkMessage.Flags.exclusive

    private static func makeTable(_ batch: inout RulesetBatch) {
        batch.append(.newTable, flags: creating) { message in
            message.append(1, text: name)
            // NFT_TABLE_F_OWNER
            message.appendUInt32(2, 2)
        }
        batch.append(.newChain, flags: creating) { message in
            message.append(1, text: name)
            message.append(3, text: Chosen.chain)
            message.nest(4) { hook in
                // NF_INET_FORWARD, at the priority that is called raw.
                hook.appendUInt32(1, 2)
                hook.appendUInt32(2, UInt32(bitPattern: -300))
            }
            message.append(7, text: "filter")
        }
    }

    private static func makeSet(
        _ set: String, number: UInt32, lifetime: Instant.Span?, _ batch: inout RulesetBatch
    ) {
        batch.append(.newSet, flags: creating) { message in
            message.append(1, text: name)
            message.append(2, text: set)
            // NFT_SET_TIMEOUT
            message.appendUInt32(3, lifetime == nil ? 0 : 0x10)
            // What nft calls the type ifname, and its size.
            message.appendUInt32(4, 41)
            message.appendUInt32(5, UInt32(interfaceNameSize))
            message.appendUInt32(10, number)
            if let lifetime { message.appendUInt64(11, lifetime.milliseconds) }
            // For nft alone, which prints names as nothing without it: the keys are in the machine's order
            // (NFTNL_UDATA_SET_KEYBYTEORDER, four bytes).
            message.appendHeader(13, size: 6)
            message.buffer.append(UInt8(0))
            message.buffer.append(UInt8(4))
            message.buffer.appendNative(UInt32(1))
            message.buffer.pad(to: 4)
        }
    }

    private static func makeCounter(_ counter: String, _ batch: inout RulesetBatch) {
        batch.append(.newObject, flags: creating) { message in
            appendName(of: counter, &message)
            message.nest(4) { _ in }
        }
    }

    /// Names an object of the kind NFT_OBJECT_COUNTER.
    private static func appendName(of counter: String, _ message: inout FlowMessageWriter) {
        message.append(1, text: name)
        message.append(2, text: counter)
        message.appendUInt32(3, 1)
    }

    private static func makeRule(of set: String, counter: String, drops: Bool, _ batch: inout RulesetBatch) {
        // NLM_F_APPEND: behind the rules that are there.
        batch.append(.newRule, flags: NetlinkMessage.Flags.create | 0x800) { message in
            message.append(1, text: name)
            message.append(2, text: Chosen.chain)
            message.nest(4) { rule in
                appendMatch(of: set, &rule)
                expression("objref", &rule) { data in
                    data.appendUInt32(1, 1)
                    data.append(2, text: counter)
                }
                guard drops else { return }
                expression("immediate", &rule) { data in
                    // NF_DROP into the register of the verdict.
                    data.appendUInt32(1, 0)
                    data.nest(2) { value in value.nest(2) { $0.appendUInt32(1, 0) } }
                }
            }
        }
    }

    /// The words `iifname @set ct state invalid,new`.
    private static func appendMatch(of set: String, _ rule: inout FlowMessageWriter) {
        let register: UInt32 = 1
        expression("meta", &rule) { data in
            data.appendUInt32(1, register)
            // NFT_META_IIFNAME
            data.appendUInt32(2, 6)
        }
        expression("lookup", &rule) { data in
            data.append(1, text: set)
            data.appendUInt32(2, register)
        }
        expression("ct", &rule) { data in
            data.appendUInt32(1, register)
            // NFT_CT_STATE
            data.appendUInt32(2, 0)
        }
        expression("bitwise", &rule) { data in
            data.appendUInt32(1, register)
            data.appendUInt32(2, register)
            data.appendUInt32(3, 4)
            // NF_CT_STATE_INVALID_BIT and that of IP_CT_NEW (nf_conntrack_common.h).
            data.nest(4, nativeValue: 1 | 8)
            data.nest(5, nativeValue: 0)
        }
        expression("cmp", &rule) { data in
            data.appendUInt32(1, register)
            // NFT_CMP_NEQ
            data.appendUInt32(2, 1)
            data.nest(3, nativeValue: 0)
        }
    }

    private static func expression(
        _ kind: String, _ rule: inout FlowMessageWriter, _ body: (inout FlowMessageWriter) -> Void
    ) {
        rule.nest(1) { expression in
            expression.append(1, text: kind)
            expression.nest(2, body)
        }
    }

    /// IFNAMSIZ: with zeros behind the name.
    private static let interfaceNameSize = 16

    private static func addElements(_ interfaces: [String], to set: String, _ batch: inout RulesetBatch) {
        batch.append(.newElements, flags: NetlinkMessage.Flags.create) { message in
            message.append(1, text: name)
            message.append(2, text: set)
            message.nest(3) { list in
                for interface in interfaces {
                    list.nest(1) { element in
                        element.nest(1) { key in
                            key.appendHeader(1, size: interfaceNameSize)
                            let units = Array(interface.utf8.prefix(interfaceNameSize - 1))
                            for place in 0..<interfaceNameSize {
                                key.buffer.append(place < units.count ? units[place] : 0)
                            }
                        }
                    }
                }
            }
        }
    }

    /// A deletion that names no element deletes all, if there are any: those that went by themselves are no error.
    private static func empty(_ set: String, _ batch: inout RulesetBatch) {
        batch.append(.deleteElements) { message in
            message.append(1, text: name)
            message.append(2, text: set)
        }
    }

    // MARK: Counters

    private mutating func packets(of counter: String) throws(HoldError) -> UInt64 {
        var request = FlowMessageWriter(requests: 1)
        sequence &+= 1
        let start = request.begin(RulesetBatch.Verb.getObject.type, flags: 0, sequence: sequence, family: nil)
        request.buffer.patch(RulesetBatch.family, at: start + NetlinkMessage.headerSize)
        Self.appendName(of: counter, &request)
        request.finish(start)
        do { try request.buffer.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) } } catch {
            throw HoldError(error)
        }
        var packets: UInt64?
        var failure: HoldError?
        try RulesetBatch.readAnswers(of: socket) { message, bytes in
            switch message.type {
            case RulesetBatch.Verb.newObject.type: packets = Self.packets(message, bytes)
            case NetlinkMessage.error:
                if let (errno, _) = try? message.failure(bytes) { failure = HoldError(errno, ofWholeBatch: false) }
            default: break
            }
        }
        if let failure { throw failure }
        guard let packets else { throw .unanswered }
        return packets
    }

    private static func packets(_ message: NetlinkMessage, _ bytes: borrowing RawSpan) -> UInt64? {
        // A counter's attributes stand behind its family (struct nfgenmsg).
        var payload = message.payload
        guard (try? payload.skip(4)) != nil else { return nil }
        var attributes = AttributeList(payload)
        while let attribute = try? attributes.next(bytes) {
            guard attribute.number == 4 else { continue }
            var data = attribute.list
            while let value = try? data.next(bytes) {
                if value.number == 2 { return try? value.uint64(bytes) }
            }
        }
        return nil
    }
}
