public import Conntrack

/// What all flows have, in 44 bytes: an IPv4 flow without rare attributes as a whole.
///
/// Of addresses it has the last 32 bits. Both directions have one family, protocol and zone; a flow of which that is
/// not so is kept whole.
public struct CompactFlow: BitwiseCopyable, Sendable {
    private var source: UInt32
    private var destination: UInt32
    private var replySource: UInt32
    private var replyDestination: UInt32
    private var sourceKey: UInt16
    private var destinationKey: UInt16
    private var replySourceKey: UInt16
    private var replyDestinationKey: UInt16
    private var timeout: UInt32
    private var mark: UInt32
    private var zone: UInt16
    private var status: UInt16
    private var family: AddressFamily
    private var `protocol`: ProtocolNumber
    private var hasTCP: Bool
    private var tcp: TCPInfo

    init(_ flow: Flow) {
        source = UInt32(truncatingIfNeeded: flow.original.source.low)
        destination = UInt32(truncatingIfNeeded: flow.original.destination.low)
        replySource = UInt32(truncatingIfNeeded: flow.reply.source.low)
        replyDestination = UInt32(truncatingIfNeeded: flow.reply.destination.low)
        sourceKey = flow.original.sourceKey
        destinationKey = flow.original.destinationKey
        replySourceKey = flow.reply.sourceKey
        replyDestinationKey = flow.reply.destinationKey
        timeout = flow.timeout
        mark = flow.mark
        zone = flow.original.zone
        status = UInt16(truncatingIfNeeded: flow.status.rawValue)
        family = flow.original.family
        `protocol` = flow.original.protocol
        hasTCP = flow.tcp != nil
        tcp = flow.tcp ?? TCPInfo(state: .none)
    }

    /// Whether the original tuple may be this one: all that is not of an IPv6 address alone.
    func mayHave(_ original: Tuple) -> Bool {
        sourceKey == original.sourceKey && destinationKey == original.destinationKey
            && source == UInt32(truncatingIfNeeded: original.source.low)
            && destination == UInt32(truncatingIfNeeded: original.destination.low)
            && `protocol` == original.protocol && family == original.family && zone == original.zone
    }

    /// The flow, whose addresses begin with the upper bits, or with zeros.
    func flow(_ upper: UpperAddressBits?) -> Flow {
        let upper = upper ?? UpperAddressBits()
        return Flow(
            original: Tuple(
                source: upper.source.address(source), destination: upper.destination.address(destination),
                sourceKey: sourceKey, destinationKey: destinationKey, zone: zone, family: family, protocol: `protocol`),
            reply: Tuple(
                source: upper.replySource.address(replySource),
                destination: upper.replyDestination.address(replyDestination),
                sourceKey: replySourceKey, destinationKey: replyDestinationKey, zone: zone, family: family,
                protocol: `protocol`),
            status: FlowStatus(rawValue: UInt32(status)), timeout: timeout, mark: mark, tcp: hasTCP ? tcp : nil)
    }
}

/// The first 96 bits of an IPv6 flow's addresses.
public struct UpperAddressBits: BitwiseCopyable, Sendable {
    /// Those of one address.
    struct Bits: BitwiseCopyable {
        private var first: UInt32 = 0
        private var second: UInt32 = 0
        private var third: UInt32 = 0

        /// None is set.
        init() {}

        init(_ address: Address) {
            first = UInt32(truncatingIfNeeded: address.high >> 32)
            second = UInt32(truncatingIfNeeded: address.high)
            third = UInt32(truncatingIfNeeded: address.low >> 32)
        }

        func address(_ last: UInt32) -> Address {
            Address(high: UInt64(first) << 32 | UInt64(second), low: UInt64(third) << 32 | UInt64(last))
        }
    }

    var source = Bits()
    var destination = Bits()
    var replySource = Bits()
    var replyDestination = Bits()

    init() {}

    init(_ flow: Flow) {
        source = Bits(flow.original.source)
        destination = Bits(flow.original.destination)
        replySource = Bits(flow.reply.source)
        replyDestination = Bits(flow.reply.destination)
    }
}

extension Flow: TableSubject {
    public var pieces: SubjectPieces<CompactFlow, UpperAddressBits> {
        SubjectPieces(core: CompactFlow(self), rest: rest)
    }

    private var rest: SubjectPieces<CompactFlow, UpperAddressBits>.Rest {
        let isAlike =
            reply.family == original.family && reply.protocol == original.protocol && reply.zone == original.zone
        guard isAlike, rareAttributes.isEmpty, status.rawValue <= UInt16.max else { return .whole }
        switch state {
        case .none, .tcp: break
        case .sctp, .dccp: return .whole
        }
        let upper =
            original.source.high | original.destination.high | reply.source.high | reply.destination.high
            | (original.source.low | original.destination.low | reply.source.low | reply.destination.low) >> 32
        return upper == 0 ? .nothing : .extra(UpperAddressBits(self))
    }

    public init(core: CompactFlow, extra: UpperAddressBits?) { self = core.flow(extra) }

    public static func isKey(_ key: Tuple, likelyOf core: CompactFlow) -> Bool { core.mayHave(key) }
}

extension Expectation: TableSubject {
    /// As they are: they are few.
    public var pieces: SubjectPieces<Expectation, UInt8> { SubjectPieces(core: self, rest: .nothing) }

    public init(core: Expectation, extra: UInt8?) { self = core }

    public static func isKey(_ key: ExpectationKey, likelyOf core: Expectation) -> Bool { core.key == key }
}
