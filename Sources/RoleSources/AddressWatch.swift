internal import Bytes
public import Conntrack
public import LinuxIO
public import StateMachine

/// Watches the addresses and interfaces of this node through rtnetlink(7): own flows, virtual addresses, dead links.
///
/// It begins with a dump and goes on with what the kernel reports; when reports were lost it dumps again by itself,
/// and tells the difference as changes.
public struct AddressWatch: ~Copyable {
    /// What was not as it should be.
    public enum Counter: UInt8, CaseIterable, Sendable {
        /// A message ended early or contradicted itself.
        case malformed
        /// A datagram was longer than its place; the tables are dumped again.
        case truncated
        /// Another process than the kernel wrote to us.
        case foreignSender
        /// Reports were lost; the tables are dumped again.
        case overrun
        /// The tables changed while they were dumped; they are dumped again.
        case dumpInterrupted
        /// The kernel refused a dump.
        case dumpRefused
        /// There was no room for an address or an interface.
        case tableFull
    }

    /// What one receive told.
    public struct Report: Sendable {
        /// The changes in order; at most what `datagramLimit` datagrams hold, and what a dump found gone.
        public internal(set) var changes: [AddressChange] = []
        /// Whether reports were lost, so that a dump is on its way and what the tables say is old until it ends.
        public internal(set) var hasOverrun = false
        /// Whether more may wait.
        public internal(set) var mayHoldMore = false
    }

    /// Datagrams of one receive at most.
    public static let datagramLimit = 16
    /// Bytes of a datagram at most: the largest part of a dump that the kernel makes.
    static let datagramCapacity = 32_768
    /// Dumps at most that follow each other because the tables changed meanwhile.
    static let dumpLimit = 8

    /// Where the dump is.
    private enum Phase {
        case none
        case interfaces
        case addresses
    }

    /// Why something was counted.
    public private(set) var counters = CounterTable<Counter>()
    /// Whether the last dump has ended well, so that the tables are the kernel's.
    public private(set) var isComplete = false

    private var socket: NetlinkSocket
    private var inbox: NetlinkInbox
    private var table = AddressTable()
    private var phase: Phase
    private var sequence: UInt32
    private var needsDump = false
    private var dumps: Int

    /// Opens the watch in the network namespace of the calling thread and asks for the first dump.
    public init() throws(NetlinkError) { try self.init(queueBytes: 1 << 20) }

    init(queueBytes: Int) throws(NetlinkError) {
        var socket = try NetlinkSocket(.route)
        try socket.setReceiveBuffer(bytes: queueBytes)
        // RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR: before the dump, so that nothing falls between.
        try socket.bind(groups: 0x1 | 0x10 | 0x100)
        try Self.request(.getLink, sequence: 1, through: socket)
        sequence = 1
        dumps = 1
        phase = .interfaces
        self.socket = socket
        inbox = NetlinkInbox(limit: Self.datagramLimit, datagramCapacity: Self.datagramCapacity)
    }

    /// The descriptor's number, for epoll; valid while the watch lives.
    public var rawValue: Int32 { socket.rawValue }

    /// The addresses of this node, in no order.
    public var addresses: [LocalAddress] { table.addresses }

    /// The interfaces of this node, in no order.
    public var interfaces: [NetworkInterface] { table.interfaces }

    /// The interface with an index.
    public func interface(_ index: UInt32) -> NetworkInterface? { table.interface(index) }

    /// Whether an address is one of this node's.
    public func contains(_ address: Address, _ family: AddressFamily) -> Bool { table.contains(address, family) }

    /// Dumps the tables again, such as after `dumpRefused`; the differences come with the next receives.
    public mutating func dump() throws(NetlinkError) {
        dumps = 0
        needsDump = true
        // A dump that runs ends first: a socket has one at a time.
        if phase == .none { try beginDump() }
    }

    /// Receives what waits, without waiting itself.
    public mutating func receive() throws(NetlinkError) -> Report {
        var report = Report()
        switch try socket.receive(into: &inbox) {
        case .wouldBlock: break
        case .overran:
            counters.count(.overrun)
            report.hasOverrun = true
            report.mayHoldMore = true
            try dump()
        case .datagrams(let count):
            report.mayHoldMore = count == Self.datagramLimit
            for index in 0..<count { try take(index, &report) }
        }
        return report
    }

    private mutating func take(_ index: Int, _ report: inout Report) throws(NetlinkError) {
        guard inbox.isFromKernel(index) else { return counters.count(.foreignSender) }
        if inbox.isTruncated(index) {
            counters.count(.truncated)
            report.hasOverrun = true
            try dump()
        }
        var messages: [(header: RouteMessage.Header, message: RouteMessage)] = []
        let isMalformed = inbox.withDatagram(index) { (bytes: borrowing RawSpan) in
            var cursor = ByteCursor(bytes)
            do {
                while cursor.remaining > 0 { messages.append(try RouteMessage.read(&cursor, bytes)) }
                return false
            } catch {
                return true
            }
        }
        if isMalformed { counters.count(.malformed) }
        for (header, message) in messages {
            if case .end(let error) = message {
                if header.sequence == sequence { try endDump(error, &report) }
            } else {
                if header.isInterrupted, header.sequence == sequence, !needsDump {
                    counters.count(.dumpInterrupted)
                    needsDump = true
                }
                if !table.apply(message, &report.changes) { counters.count(.tableFull) }
            }
        }
    }

    private mutating func beginDump() throws(NetlinkError) {
        needsDump = false
        isComplete = false
        dumps += 1
        table.beginDump()
        try request(.getLink)
        phase = .interfaces
    }

    private mutating func endDump(_ error: Int32, _ report: inout Report) throws(NetlinkError) {
        let ended = phase
        phase = .none
        if error != 0 { counters.count(.dumpRefused) }
        if needsDump, dumps < Self.dumpLimit { return try beginDump() }
        guard error == 0 else { return }
        switch ended {
        case .none: break
        case .interfaces:
            table.sweepInterfaces(&report.changes)
            try request(.getAddress)
            phase = .addresses
        case .addresses:
            table.sweepAddresses(&report.changes)
            needsDump = false
            isComplete = true
        }
    }

    private mutating func request(_ kind: RouteMessage.Kind) throws(NetlinkError) {
        sequence &+= 1
        try Self.request(kind, sequence: sequence, through: socket)
    }

    private static func request(
        _ kind: RouteMessage.Kind, sequence: UInt32, through socket: borrowing NetlinkSocket
    ) throws(NetlinkError) {
        var writer = ByteWriter(capacity: 64)
        RouteMessage.writeDump(kind, sequence: sequence, into: &writer)
        try writer.withBytes { (bytes: borrowing RawSpan) throws(NetlinkError) in try socket.send(bytes) }
    }
}
