import Bytes
import Conntrack

@testable import SyncProtocol

/// Flows and datagrams that several tests send.
enum Samples {
    static let header = DatagramHeader(
        sender: 0x0102_0304, incarnation: 7, term: 3, sequence: 9, role: .master, inSync: true)

    /// A TCP flow from the lan through SNAT, as a firewall has most.
    static let translated: Flow = {
        let original = Tuple(
            source: Address(ipv4: 0xc0a8_0a0a), destination: Address(ipv4: 0xcb00_710a), sourceKey: 40000,
            destinationKey: 443, family: .ipv4, protocol: .tcp)
        var reply = original.inverted
        reply.destination = Address(ipv4: 0xcb00_7101)
        return Flow(
            original: original, reply: reply,
            status: [.seenReply, .assured, .confirmed, .sourceNAT, .sourceNATDone, .destinationNATDone],
            timeout: 432_000,
            tcp: TCPInfo(
                state: .established, originalScale: 7, replyScale: 9, originalFlags: [.windowScale, .sackPermitted],
                replyFlags: [.windowScale, .sackPermitted]))
    }()

    /// Flows of every shape that the codec knows, chosen by `chance`.
    static func flow(using chance: inout some RandomNumberGenerator) -> Flow {
        let family: AddressFamily = Bool.random(using: &chance) ? .ipv4 : .ipv6
        func address() -> Address {
            family == .ipv4
                ? Address(ipv4: .random(in: 0 ... .max, using: &chance))
                : Address(high: .random(in: 0 ... .max, using: &chance), low: .random(in: 0 ... .max, using: &chance))
        }
        let numbers: [ProtocolNumber] = [
            .tcp, .udp, .sctp, .dccp, .gre, family == .ipv4 ? .icmp : .icmpv6, ProtocolNumber(rawValue: 89),
        ]
        let number = numbers[Int.random(in: numbers.indices, using: &chance)]
        func key() -> UInt16 { FlowCodec.hasKeys(number) ? .random(in: 0 ... .max, using: &chance) : 0 }
        var original = Tuple(
            source: address(), destination: address(), sourceKey: key(), destinationKey: key(), family: family,
            protocol: number)
        var reply = original.inverted
        if Bool.random(using: &chance) { reply.destination = address() }
        if Bool.random(using: &chance) { reply.source = address() }
        if Bool.random(using: &chance) { reply.destinationKey = key() }
        if Bool.random(using: &chance) {
            original.zone = .random(in: 0...9, using: &chance)
            reply.zone = .random(in: 0...9, using: &chance)
        }
        var master: Tuple?
        if Int.random(in: 0..<4, using: &chance) == 0 {
            master = Tuple(
                source: address(), destination: address(), sourceKey: .random(in: 0 ... .max, using: &chance),
                destinationKey: 21, zone: original.zone, family: family, protocol: .tcp)
        }
        return Flow(
            original: original, reply: reply, master: master,
            status: FlowStatus(rawValue: .random(in: 0 ... .max, using: &chance)).intersection(.replicated),
            timeout: .random(in: 0...Flow.maximumTimeout, using: &chance),
            mark: Bool.random(using: &chance) ? 0 : .random(in: 0 ... .max, using: &chance),
            state: state(of: number, using: &chance), extensions: extensions(using: &chance))
    }

    private static func state(
        of number: ProtocolNumber, using chance: inout some RandomNumberGenerator
    ) -> ProtocolState {
        guard Bool.random(using: &chance) else { return .none }
        switch number {
        case .tcp:
            return .tcp(
                TCPInfo(
                    state: TCPState.allCases.randomElement(using: &chance) ?? .none,
                    originalScale: .random(in: 0...14, using: &chance), replyScale: .random(in: 0...14, using: &chance),
                    originalFlags: TCPFlags(rawValue: .random(in: 0...7, using: &chance)),
                    replyFlags: TCPFlags(rawValue: .random(in: 0...7, using: &chance))))
        case .sctp:
            return .sctp(
                SCTPInfo(
                    state: SCTPState.allCases.randomElement(using: &chance) ?? .none,
                    originalTag: .random(in: 0 ... .max, using: &chance),
                    replyTag: .random(in: 0 ... .max, using: &chance)))
        case .dccp:
            return .dccp(
                DCCPInfo(
                    state: DCCPState.allCases.randomElement(using: &chance) ?? .none,
                    originalIsServer: .random(using: &chance),
                    handshakeSequence: .random(in: 0..<1 << 48, using: &chance)))
        default:
            return .none
        }
    }

    private static func extensions(using chance: inout some RandomNumberGenerator) -> FlowExtensions {
        var extensions = FlowExtensions()
        if Bool.random(using: &chance) {
            let count = Int.random(in: 1...KernelName.helperLimit, using: &chance)
            extensions.helper = KernelName(String(repeating: "h", count: count - 1) + "~") ?? .none
        }
        if Bool.random(using: &chance) {
            // One label, so that every length is met.
            let label = UInt64.random(in: 0..<128, using: &chance)
            if label < 64 { extensions.labels.low = 1 << label } else { extensions.labels.high = 1 << (label - 64) }
        }
        if Bool.random(using: &chance) {
            extensions.sequence.reply = SequenceAdjustment(
                position: .random(in: 0 ... .max, using: &chance),
                before: .random(in: Int32.min ... .max, using: &chance),
                after: .random(in: Int32.min ... .max, using: &chance))
        }
        if Bool.random(using: &chance) {
            extensions.synproxy.timestampOffset = .random(in: 0 ... .max, using: &chance)
        }
        return extensions
    }

    /// Every field at its longest.
    static let longest: Flow = {
        let address = Address(high: .max, low: .max)
        let original = Tuple(
            source: address, destination: address, sourceKey: 1, destinationKey: 2, zone: 3, family: .ipv6,
            protocol: .dccp)
        let reply = Tuple(
            source: .any, destination: .any, sourceKey: 4, destinationKey: 5, zone: 6, family: .ipv6, protocol: .dccp)
        var master = original
        master.sourceKey = 7
        return Flow(
            original: original, reply: reply, master: master, status: .replicated, timeout: Flow.maximumTimeout,
            mark: .max,
            state: .dccp(DCCPInfo(state: .timeWait, originalIsServer: true, handshakeSequence: 1 << 48 - 1)),
            extensions: FlowExtensions(
                helper: KernelName(String(repeating: "h", count: KernelName.helperLimit)) ?? .none,
                labels: ConnectionLabels(high: .max, low: .max),
                sequence: SequenceAdjustments(
                    original: SequenceAdjustment(position: .max, before: .min, after: .max),
                    reply: SequenceAdjustment(position: 1, before: -1, after: 1)),
                synproxy: SynproxyState(initialSequence: .max, initialTimestamp: 1, timestampOffset: 2)))
    }()

    /// A control connection of FTP through SNAT, with labels.
    static let controlled: Flow = {
        var flow = translated
        flow.status.insert(.helper)
        flow.extensions.helper = KernelName("ftp") ?? .none
        flow.extensions.labels.low = 1 << 9
        return flow
    }()

    /// What an FTP client behind SNAT makes a helper expect.
    static let expected: Expectation = {
        let tuple = Tuple(
            source: translated.original.destination, destination: translated.original.source, sourceKey: 0,
            destinationKey: 50_000, family: .ipv4, protocol: .tcp)
        return Expectation(
            key: ExpectationKey(tuple: tuple, sourceMask: Address(ipv4: .max), sourceKeyMask: 0),
            master: translated.original, timeout: 300, flags: .permanent, policy: 1,
            helper: KernelName("ftp") ?? .none,
            translation: ExpectationTranslation(isReply: true, address: Address(ipv4: 0xcb00_7101), key: 50_001),
            function: KernelName("nat-follow-master") ?? .none)
    }()

    /// What a node says of itself, with every section filled.
    static let facts: NodeFacts = {
        var facts = NodeFacts()
        facts.entries = 413_202
        facts.limit = 1_048_576
        facts.buckets = 262_144
        facts.tracksPackets = true
        facts.setsLabels = false
        facts.events = .always
        facts.isLoose = false
        facts.isLiberal = false
        facts.verifiesChecksums = true
        facts.timeouts = TimeoutSetting.allCases.map { ProtocolTimeouts()[$0] }
        facts.helpers = ["ftp", "sip"].compactMap { KernelName($0) }
        facts.loadableHelpers = ["H.245", "Q.931", "RAS"].compactMap { KernelName($0) }
        facts.lossPerMille = 3
        return facts
    }()

    /// One datagram of each kind that an engine sends.
    static let datagrams: [(name: String, bytes: [UInt8])] = [
        (
            "hello and progress",
            bytes { writer in
                _ = writer.append(.hello(Hello(name: "r1")))
                _ = writer.append(.progress(Progress(sentVersion: 300, bulk: 2, bulkEnd: 200, bulkSent: 128)))
            }
        ),
        (
            "flows of an interval",
            bytes { writer in
                writer.openInterval(lane: .live, bulk: 2, from: 1000)
                _ = writer.append(translated, version: 1003, isReplacement: true)
                _ = writer.appendDestroy(translated.original, version: 1010)
                writer.closeInterval(to: 1010)
            }
        ),
        (
            "expectations and a long flow of an interval",
            bytes { writer in
                writer.openInterval(lane: .backfill, bulk: 2, from: 1000)
                _ = writer.append(expected, version: 1001)
                _ = writer.append(longest, version: 1002, isReplacement: false)
                _ = writer.appendExpectationDestroy(expected.key, version: 1010)
                writer.closeInterval(to: 1010)
            }
        ),
        (
            "acknowledgement",
            bytes { writer in
                _ = writer.append(
                    .acknowledgement(
                        Acknowledgement(
                            incarnation: 5, bulk: 2, gapFree: 90, sequence: 44, holes: [(90, 95), (99, 400)])))
            }
        ),
        (
            "requests",
            bytes { writer in
                _ = writer.append(.bulkRequest(BulkRequest(incarnation: 5, after: 1)))
                _ = writer.append(.recallRequest(RecallRequest(id: 4, place: 77)))
                _ = writer.append(.farewell)
            }
        ),
        (
            "recall page",
            bytes { writer in
                _ = writer.append(.recallPage(RecallPage(id: 4, place: 77, next: 78)))
                _ = writer.append(translated, version: 0, isReplacement: false)
                writer.closePage(next: RecallPage.end)
            }
        ),
        ("facts", bytes { writer in _ = writer.append(.facts(facts)) }),
    ]

    static func bytes(_ fill: (inout DatagramWriter) -> Void) -> [UInt8] {
        var writer = DatagramWriter(capacity: 1400)
        writer.begin(header)
        fill(&writer)
        return writer.withBytes { [UInt8]($0) }
    }

    /// All that can be read of a datagram; a refused message stands as its reason.
    static func read(_ bytes: [UInt8]) throws(DatagramRefusal) -> [Result<Message, MessageRefusal>] {
        var reader = try bytes.withBytes { span throws(DatagramRefusal) in try DatagramReader(span) }
        var messages: [Result<Message, MessageRefusal>] = []
        while true {
            do {
                guard let message = try bytes.withBytes({ span throws(MessageRefusal) in try reader.next(span) }) else {
                    return messages
                }
                messages.append(.success(message))
            } catch {
                messages.append(.failure(error))
            }
        }
    }
}
