/// How many datagrams of flows are on their way to one peer.
///
/// Sequences count all that this node sends, to whomever; a few marks tell how many of them were flows for this peer.
struct Pace: Sendable {
    /// A mark stands at every so many datagrams: so coarse is the count.
    static let step: UInt64 = 8
    /// Marks at most: they reach over the window twice.
    static let markLimit = 64

    private var sent: UInt64 = 0
    private var acknowledged: UInt64 = 0
    private var latest: UInt64 = 0
    private var marks: [(sequence: UInt64, sent: UInt64)] = []

    init() { marks.reserveCapacity(Self.markLimit) }

    /// Datagrams that may not have arrived.
    var outstanding: UInt64 { sent - acknowledged }

    /// Notes a datagram of flows.
    mutating func send(_ sequence: UInt64) {
        sent += 1
        latest = sequence
        guard sent % Self.step == 0 else { return }
        if marks.count == Self.markLimit { marks.removeFirst(Self.markLimit / 2) }
        marks.append((sequence, sent))
    }

    /// Notes that the peer has read up to a sequence.
    mutating func acknowledge(_ sequence: UInt64) {
        if sequence >= latest { return forgive() }
        if let mark = marks.last(where: { $0.sequence <= sequence }) { acknowledged = max(acknowledged, mark.sent) }
    }

    /// Counts on nothing that was sent so far.
    mutating func forgive() {
        acknowledged = sent
        marks.removeAll(keepingCapacity: true)
    }
}
