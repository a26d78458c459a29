public import Conntrack
public import Netfilter

/// Makes any number of distinct flows, as a router with many clients would hold them.
///
/// Client c (of 250) talks to server c from 60,000 ports, so 15,000,000 flows are distinct in both directions.
public struct FlowGenerator: Sendable {
    /// How many flows are distinct.
    public static let limit = portsPerClient * clients
    /// The first flow that is nobody's in the two-router lab.
    ///
    /// Clients up to .11 bear the addresses of its own hosts, and a router's own flows are nobody else's business.
    public static let firstForeign = portsPerClient * 11

    private static let portsPerClient = 60_000
    private static let clients = 250
    private static let firstPort = 2_000

    /// TCP (established, assured) or UDP (seen in both directions).
    public var `protocol`: ProtocolNumber
    public var family: AddressFamily
    /// Whether the clients' addresses are translated into the router's.
    public var isTranslated: Bool
    /// Seconds that the flows live.
    public var timeout: UInt32
    public var mark: UInt32 = 0

    /// Makes a generator.
    public init(
        protocol: ProtocolNumber = .tcp, family: AddressFamily = .ipv4, isTranslated: Bool = true,
        timeout: UInt32 = 3_600
    ) {
        precondition(`protocol` == .tcp || `protocol` == .udp)
        self.protocol = `protocol`
        self.family = family
        self.isTranslated = isTranslated
        self.timeout = timeout
    }

    /// The client, which is its server's number too, and the client's port of an index below `limit`.
    public static func place(of index: Int) -> (client: UInt32, port: UInt16) {
        precondition((0..<limit).contains(index))
        return (UInt32(index / portsPerClient + 1), UInt16(firstPort + index % portsPerClient))
    }

    /// The flow of an index below `limit`.
    public func flow(_ index: Int) -> Flow {
        let (client, port) = Self.place(of: index)
        let original = Tuple(
            source: address(0xc0a8_0a00, client), destination: address(0xc633_6400, client), sourceKey: port,
            destinationKey: 443, family: family, protocol: `protocol`)
        var reply = original.inverted
        if isTranslated { reply.destination = address(0xcb00_7100, 1) }
        var status: FlowStatus = [.seenReply, .assured, .confirmed]
        if isTranslated { status.formUnion([.sourceNAT, .sourceNATDone, .destinationNATDone]) }
        let flags: TCPFlags = [.windowScale, .sackPermitted]
        let tcp = TCPInfo(state: .established, originalScale: 7, replyScale: 8, originalFlags: flags, replyFlags: flags)
        return Flow(
            original: original, reply: reply, status: status, timeout: timeout, mark: mark,
            tcp: `protocol` == .tcp ? tcp : nil)
    }

    /// 192.168.10.0/24, 198.51.100.0/24 and 203.0.113.0/24, or the same numbers inside 2001:db8::/32.
    private func address(_ network: UInt32, _ host: UInt32) -> Address {
        switch family {
        case .ipv4: Address(ipv4: network | host)
        case .ipv6: Address(high: 0x2001_0db8 << 32 | UInt64(network), low: UInt64(host))
        }
    }

    /// What became of a load.
    public struct Outcome: Sendable, Equatable {
        public var written = 0
        public var refused: [WriteRefusal: Int] = [:]
    }

    /// Writes the flows of a range into the kernel of this thread's network namespace, 64 a system call.
    ///
    /// - Parameter progress: told the flows done so far, after each call.
    public func load(
        _ range: Range<Int>, verb: FlowWrite.Verb = .create, using writer: inout ConntrackWriter,
        progress: (Int) -> Void = { _ in }
    ) throws(ConntrackError) -> Outcome {
        var outcome = Outcome()
        var batch = WriteBatch()
        var next = range.lowerBound
        while next < range.upperBound {
            batch.removeAll()
            while !batch.isFull, next < range.upperBound {
                batch.append(FlowWrite(verb, flow(next)))
                next += 1
            }
            try writer.write(&batch)
            outcome.written += batch.writes.count - batch.refused.count
            for refused in batch.refused { outcome.refused[refused.reason, default: 0] += 1 }
            progress(next - range.lowerBound)
        }
        return outcome
    }
}
