internal import Bytes
public import Conntrack
internal import LinuxIO
public import StateMachine

/// The socket on which the kernel says what happens to flows and expectations.
///
/// An overrun is told, never hidden: NETLINK_NO_ENOBUFS stays off.
public struct ConntrackEvents: ~Copyable {
    /// The multicast groups of flows and expectations; raw values are those of nfnetlink.h (NFNLGRP_CONNTRACK_*).
    ///
    /// NFNLGRP_CONNTRACK_EXP_UPDATE (5) is not among them: the kernel never sends to it.
    public enum Group: UInt32, Sendable, CaseIterable {
        case new = 1
        case update = 2
        case destroy = 3
        case expectationNew = 4
        case expectationDestroy = 6
    }

    /// Datagrams of one system call: more are rarely there (measured on Linux 6.18).
    static let datagramsPerReceive = 64
    /// Bytes of an event at most; the largest that ctnetlink builds, with labels and security context, is below 1 KiB.
    static let largestEvent = 2048
    /// Port ids of writers that are remembered at most.
    public static let writerLimit = 8

    /// The ceiling of the receive queue that holds, in bytes as the kernel accounts them.
    public let receiveBuffer: Int
    /// Messages that were not taken, by reason.
    public private(set) var refusals = CounterTable<MessageRefusal>()
    /// How often the kernel dropped events for want of room.
    public private(set) var overruns: UInt64 = 0
    /// The groups that the socket is in.
    public private(set) var groups: Set<Group> = []

    private let socket: NetlinkSocket
    private var inbox = NetlinkInbox(limit: Self.datagramsPerReceive, datagramCapacity: Self.largestEvent)
    private var writers: [UInt32] = []

    /// Opens the socket and enters the groups.
    ///
    /// - Parameter receiveBuffer: the ceiling of the queue in bytes, forced above net.core.rmem_max where the right
    ///   is there. The queue takes memory only while it holds events.
    public static func open(
        groups: [Group] = Group.allCases, receiveBuffer: Int
    ) throws(ConntrackError) -> ConntrackEvents {
        var events: ConntrackEvents
        do {
            var socket = try NetlinkSocket(.netfilter)
            // The ceiling first, then the groups: no event comes before there is room for it.
            try socket.setReceiveBuffer(bytes: receiveBuffer)
            try socket.bind()
            events = ConntrackEvents(socket)
        } catch {
            throw ConntrackError(error)
        }
        for group in groups { try events.join(group) }
        return events
    }

    private init(_ socket: consuming NetlinkSocket) {
        receiveBuffer = socket.receiveBuffer
        self.socket = socket
    }

    /// The descriptor's number, for epoll; valid while this value lives.
    public var rawValue: Int32 { socket.rawValue }

    /// Enters a group.
    ///
    /// A listener on `new` halves the speed of inserts on the whole node.
    public mutating func join(_ group: Group) throws(ConntrackError) {
        do { try socket.join(group: group.rawValue) } catch { throw ConntrackError(error) }
        groups.insert(group)
    }

    /// Leaves a group.
    public mutating func leave(_ group: Group) throws(ConntrackError) {
        do { try socket.leave(group: group.rawValue) } catch { throw ConntrackError(error) }
        groups.remove(group)
    }

    /// Has the kernel drop the events of flows that a filter leaves out, as far as it can tell; nothing else.
    public func leaveOut(_ filter: FlowFilter) throws(ConntrackError) {
        do { try socket.attach(EventFilter(filter).program) } catch { throw ConntrackError(error) }
    }

    /// Remembers a writer of ours by its port id: events that it causes are of origin `ours`.
    public mutating func recognise(writer portID: UInt32) {
        precondition(writers.count < Self.writerLimit, "more writers than an agent has")
        if !writers.contains(portID) { writers.append(portID) }
    }

    /// Takes what is there until nothing is left or the batch is full; never waits.
    ///
    /// If the batch is full there may be more; the queue is then still readable for epoll.
    public mutating func receive(into batch: inout EventBatch) throws(ConntrackError) {
        // One event a datagram, so no datagram is received that the batch could not take.
        var room = batch.limit - max(batch.events.count, batch.expectations.count)
        while room > 0 {
            let receipt: NetlinkReceipt
            do { receipt = try socket.receive(into: &inbox, atMost: room) } catch { throw ConntrackError(error) }
            switch receipt {
            case .wouldBlock: return
            case .overran:
                overruns &+= 1
                // What the kernel kept is older than the loss and still worth having; a second loss in one turn is
                // not different from the first, and ends the turn.
                if batch.overran { return }
                batch.overran = true
            case .datagrams(let count):
                for index in 0..<count { take(index, into: &batch) }
                room -= count
            }
        }
    }

    private mutating func take(_ index: Int, into batch: inout EventBatch) {
        guard inbox.isFromKernel(index) else { return refusals.count(.notFromKernel) }
        guard !inbox.isTruncated(index) else { return refusals.count(.datagramTooLong) }
        do throws(MessageRefusal) {
            var flow: FlowEvent?
            var expectation: ExpectationEvent?
            try inbox.withDatagram(index) { bytes throws(MessageRefusal) in
                var cursor = ByteCursor(bytes)
                let message = try NetlinkMessage(bytes, &cursor)
                let isOurs = message.portID != 0 && writers.contains(message.portID)
                if ExpectationParser.isResponsible(for: message) {
                    expectation = try ExpectationParser.event(message, bytes)
                    if isOurs { expectation?.origin = .ours }
                } else {
                    flow = try FlowParser.event(message, bytes)
                    if isOurs { flow?.origin = .ours }
                }
            }
            if let flow { batch.append(flow) }
            if let expectation { batch.append(expectation) }
        } catch {
            refusals.count(error)
        }
    }
}
