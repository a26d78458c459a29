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
            .tcp, .udp, .sctp, .gre, family == .ipv4 ? .icmp : .icmpv6, ProtocolNumber(rawValue: 89),
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
        var tcp: TCPInfo?
        if number == .tcp, Bool.random(using: &chance) {
            tcp = TCPInfo(
                state: TCPState.allCases.randomElement(using: &chance) ?? .none,
                originalScale: .random(in: 0...14, using: &chance), replyScale: .random(in: 0...14, using: &chance),
                originalFlags: TCPFlags(rawValue: .random(in: 0...7, using: &chance)),
                replyFlags: TCPFlags(rawValue: .random(in: 0...7, using: &chance)))
        }
        return Flow(
            original: original, reply: reply, master: master,
            status: FlowStatus(rawValue: .random(in: 0 ... .max, using: &chance)).intersection(.replicated),
            timeout: .random(in: 0...Flow.maximumTimeout, using: &chance),
            mark: Bool.random(using: &chance) ? 0 : .random(in: 0 ... .max, using: &chance), tcp: tcp)
    }

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
