import Bytes
import Conntrack

@testable import SyncProtocol

/// The reader of datagrams: what it takes can be written again, and means the same then.
enum DatagramTarget {
    static func take(_ bytes: [UInt8]) throws(FuzzFailure) {
        guard let (header, messages, _) = try read(bytes) else { return }
        let written = try write(header, messages)
        guard let again = try read(written) else { throw FuzzFailure(description: "our own datagram is refused") }
        try hold(again.header == header, "\(header) became \(again.header)")
        try hold(again.refusals.isEmpty, "of \(messages) some are refused when sent again: \(again.refusals)")
        for (message, copy) in zip(messages, again.messages) {
            try hold(comparable(message) == comparable(copy), "\(message) became \(copy)")
        }
    }

    /// A message without what a sender may leave out for want of room.
    private static func comparable(_ message: Message) -> Message {
        guard case .facts(var facts) = message else { return message }
        facts.helpers = []
        facts.loadableHelpers = []
        return .facts(facts)
    }

    /// The header, the messages and why others were refused; nil for a refused datagram.
    private static func read(
        _ bytes: [UInt8]
    ) throws(FuzzFailure) -> (header: DatagramHeader, messages: [Message], refusals: [MessageRefusal])? {
        let opened = try? bytes.withBytes { span throws(DatagramRefusal) in try DatagramReader(span) }
        guard var reader = opened else { return nil }
        var messages: [Message] = []
        var refusals: [MessageRefusal] = []
        var steps = 0
        while true {
            steps += 1
            try hold(steps <= bytes.count, "\(steps) messages in \(bytes.count) bytes")
            do {
                let next = try bytes.withBytes { span throws(MessageRefusal) in try reader.next(span) }
                guard let next else { return (reader.header, messages, refusals) }
                messages.append(next)
            } catch {
                refusals.append(error)
            }
        }
    }

    private static func write(
        _ header: DatagramHeader, _ messages: [Message]
    ) throws(FuzzFailure) -> [UInt8] {
        var writer = DatagramWriter(capacity: 1 << 20)
        writer.begin(header)
        var end: UInt64?
        for message in messages {
            let hasFitted: Bool
            switch message {
            case .interval(let interval):
                if let end { writer.closeInterval(to: end) }
                writer.openInterval(lane: interval.lane, bulk: interval.bulk, from: interval.from)
                end = interval.to
                hasFitted = true
            case .flow(let told):
                hasFitted = writer.append(told.flow, version: told.version, isReplacement: told.isReplacement)
            case .destroy(let told):
                hasFitted = writer.appendDestroy(told.original, version: told.version)
            case .expectation(let told):
                hasFitted = writer.append(told.expectation, version: told.version)
            case .expectationDestroy(let told):
                hasFitted = writer.appendExpectationDestroy(told.key, version: told.version)
            case .recallPage:
                if let end { writer.closeInterval(to: end) }
                end = nil
                hasFitted = writer.append(message)
            default:
                hasFitted = writer.append(message)
            }
            try hold(hasFitted, "\(message) does not fit a message")
        }
        if let end { writer.closeInterval(to: end) }
        return writer.withBytes { [UInt8]($0) }
    }

    static var seeds: [[UInt8]] {
        var chance = SeededFlows()
        let flows = (0..<8).map { _ in
            Samples.bytes { writer in
                writer.openInterval(lane: .live, bulk: 1, from: 5)
                for version in 6...9 as ClosedRange<UInt64> {
                    _ = writer.append(Samples.flow(using: &chance), version: version, isReplacement: false)
                }
                writer.closeInterval(to: 9)
            }
        }
        return Samples.datagrams.map(\.bytes) + flows
    }
}

/// A row of numbers that is the same in every run.
struct SeededFlows: RandomNumberGenerator {
    private var state: UInt64 = 7

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
