public import Bytes
public import Conntrack

/// The kernel's conntrack table, as the engine needs it.
///
/// Each verb is one batch, never one flow.
public protocol KernelPort: ~Copyable {
    /// Takes in the events that wait, up to the batch's limit, and whether any were lost.
    mutating func receive(into events: inout EventBatch)

    /// Carries out the writes in order and notes the refused ones in the batch; returns when the kernel has answered.
    mutating func write(_ batch: inout WriteBatch)

    /// Carries out the writes of expectations in order and notes the refused ones in the batch.
    mutating func write(_ batch: inout ExpectationBatch)

    /// Joins or leaves the group of NEW events: a listener there halves the rate of inserts.
    mutating func listenForNew(_ listens: Bool)

    /// Drops the events of flows that a filter leaves out, as far as the kernel can tell them: they cost nothing then.
    mutating func leaveOut(_ filter: FlowFilter)

    /// Begins a dump of the whole table, both families, and of the expectations behind it; an earlier one is abandoned.
    mutating func beginDump()

    /// Takes in the next part of the dump as events of the kind `dumped`.
    mutating func readDump(into events: inout EventBatch) -> DumpProgress

    /// Asks for the flows with these original tuples, in their order; nil stands for one that is not there.
    mutating func find(_ originals: [Tuple]) -> [Flow?]

    /// The flows in the table now, and its limit; nil for what is not known.
    mutating func occupancy() -> (entries: Int?, limit: Int?)

    /// The full timeouts of this node.
    mutating func timeouts() -> ProtocolTimeouts
}

/// How far a dump has come.
public enum DumpProgress: Sendable, Equatable {
    /// Read again now.
    case more
    /// Nothing waits; read again next turn.
    case waiting
    /// All of the table has been told.
    case finished
    /// The table changed its shape meanwhile: what was not told may still be there.
    case interrupted
    /// The kernel refused, with its error number.
    case failed(Int32)
}

/// The links to the peers: bytes in, bytes out.
///
/// Links are numbered from 0, on all nodes alike: in the order of the configuration. One that is away keeps its number.
public protocol LinkPort: ~Copyable {
    /// How many links there are, at least one.
    var linkCount: Int { get }

    /// Bytes of a datagram at most that fits every link: the smallest MTU without the headers below us.
    var maximumPayload: Int { get }

    /// Whether one datagram reaches everyone on a link: its audience is a multicast group.
    func isShared(_ link: UInt8) -> Bool

    /// Takes in the datagrams that wait, up to the batch's limit, each with its source and its link.
    mutating func receive(into datagrams: inout DatagramBatch)

    /// Sends what the batch holds, each datagram over its link, to its `source` or, where that is 0, to everyone on the
    /// link; what a link cannot take is lost, and counted there.
    mutating func send(_ datagrams: borrowing DatagramBatch)
}
