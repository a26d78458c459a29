import Bytes
import Conntrack
import Testing

@testable import SyncProtocol

@Suite struct DatagramTests {
    @Test func `what is written is read`() throws {
        let read = try Samples.datagrams.map { try Samples.read($0.bytes).map { try $0.get() } }
        #expect(
            read[0] == [
                .hello(Hello(name: "r1")),
                .progress(Progress(sentVersion: 300, bulk: 2, bulkEnd: 200, bulkSent: 128)),
            ])
        #expect(
            read[1] == [
                .interval(LogInterval(lane: .live, bulk: 2, from: 1000, to: 1010)),
                .flow(FlowMessage(version: 1003, flow: Samples.translated, isReplacement: true)),
                .destroy(DestroyMessage(version: 1010, original: Samples.translated.original)),
            ])
        #expect(
            read[2] == [
                .interval(LogInterval(lane: .backfill, bulk: 2, from: 1000, to: 1010)),
                .expectation(ExpectationMessage(version: 1001, expectation: Samples.expected)),
                .flow(FlowMessage(version: 1002, flow: Samples.longest)),
                .expectationDestroy(ExpectationDestroyMessage(version: 1010, key: Samples.expected.key)),
            ])
        #expect(
            read[3] == [
                .acknowledgement(
                    Acknowledgement(incarnation: 5, bulk: 2, gapFree: 90, sequence: 44, holes: [(90, 95), (99, 400)]))
            ])
        #expect(
            read[4] == [
                .bulkRequest(BulkRequest(incarnation: 5, after: 1)), .recallRequest(RecallRequest(id: 4, place: 77)),
                .farewell,
            ])
        #expect(
            read[5] == [
                .recallPage(RecallPage(id: 4, place: 77, next: RecallPage.end)),
                .flow(FlowMessage(version: 0, flow: Samples.translated)),
            ])
        #expect(read[6] == [.facts(Samples.facts)])
    }

    @Test(arguments: [nil, 0, UInt64.max])
    func `whose buckets a bulk leaves out is told`(asker: UInt64?) throws {
        let told = Progress(sentVersion: 300, bulk: 2, bulkEnd: 200, bulkSent: 128, asker: asker, sharedVersion: 9)
        let bytes = Samples.bytes { _ = $0.append(.progress(told)) }
        #expect(try Samples.read(bytes).map { try $0.get() } == [.progress(told)])
    }

    @Test(arguments: [(1, 64), (UInt64.max >> 8, 12)] as [(UInt64, Int)])
    func `as many holes are named as fit`(length: UInt64, fitting: Int) throws {
        let holes = (0..<100 as Range<UInt64>).map { (from: $0 * (length / 128 + 2), to: $0 * (length / 128 + 2) + 1) }
        let told = Acknowledgement(incarnation: 5, bulk: 2, gapFree: 0, sequence: 44, holes: holes)
        let bytes = Samples.bytes { _ = $0.append(.acknowledgement(told)) }
        guard case .acknowledgement(let read)? = try Samples.read(bytes).map({ try $0.get() }).last else {
            Issue.record("no acknowledgement")
            return
        }
        #expect(read.holes.count >= fitting)
        #expect(read.holes.elementsEqual(holes.prefix(read.holes.count)) { $0 == $1 })
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `flows of every shape come back as they were`(seed: UInt64) throws {
        var chance = SplitMix(state: seed)
        for step in 0..<2_000 {
            let flow = Samples.flow(using: &chance)
            guard flow.master != flow.original else { continue }
            let bytes = Samples.bytes { writer in
                writer.openInterval(lane: .backfill, bulk: 1, from: 5)
                _ = writer.append(flow, version: 6, isReplacement: false)
                writer.closeInterval(to: 6)
            }
            let messages = try Samples.read(bytes).map { try $0.get() }
            #expect(messages.last == .flow(FlowMessage(version: 6, flow: flow)), "seed \(seed) step \(step)")
        }
    }

    @Test(arguments: Samples.datagrams.map(\.name))
    func `every truncation is refused or is a shorter datagram`(name: String) throws {
        let whole = try #require(Samples.datagrams.first { $0.name == name }).bytes
        let all = try Samples.read(whole).map { try $0.get() }
        for count in 0..<whole.count {
            let cut = Array(whole.prefix(count))
            guard let messages = try? Samples.read(cut) else {
                #expect(count < DatagramHeader.size, "a whole header was refused at \(count) bytes")
                continue
            }
            for (index, message) in messages.enumerated() {
                switch message {
                case .success(let read):
                    #expect(read == all[index], "\(count) bytes")
                case .failure(let refusal):
                    #expect(refusal == .truncated && index == messages.count - 1, "\(count) bytes: \(refusal)")
                }
            }
        }
    }

    @Test(arguments: Samples.datagrams.map(\.name))
    func `any changed byte is read or refused, and never traps`(name: String) throws {
        let whole = try #require(Samples.datagrams.first { $0.name == name }).bytes
        for place in whole.indices {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff] as [UInt8] {
                var changed = whole
                changed[place] = value
                guard let messages = try? Samples.read(changed) else { continue }
                #expect(messages.count <= whole.count)
            }
        }
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `random datagrams are read or refused, and never trap`(seed: UInt64) {
        var chance = SplitMix(state: seed)
        for _ in 0..<5_000 {
            var bytes = Samples.bytes { _ in }
            let length = Int.random(in: 0..<400, using: &chance)
            for _ in 0..<length { bytes.append(.random(in: 0 ... .max, using: &chance)) }
            let messages = try? Samples.read(bytes)
            #expect(messages != nil, "seed \(seed): a good header was refused")
        }
    }

    @Test(
        arguments: [
            (0, 0x00, DatagramRefusal.foreign), (2, 0x63, .version), (3, 0x07, .flags), (3, 0x1b, .flags),
            (4, 0x01, .key), (5, 0x01, .flags),
        ] as [(Int, UInt8, DatagramRefusal)])
    func `a header that is none says why`(place: Int, value: UInt8, refusal: DatagramRefusal) {
        var bytes = Samples.datagrams[0].bytes
        bytes[place] = value
        #expect(throws: refusal) { try Samples.read(bytes) }
    }

    @Test func `a kind that nobody knows is skipped`() throws {
        var bytes = Samples.bytes { _ in }
        bytes += [63, 3, 1, 2, 3]
        bytes += Samples.bytes { _ = $0.append(.farewell) }.dropFirst(DatagramHeader.size)
        #expect(try Samples.read(bytes).map { try $0.get() } == [.farewell])
    }

    @Test func `a new IPv4 TCP flow costs at most 40 bytes, with SNAT too`() {
        var plain = Samples.translated
        plain.reply = plain.original.inverted
        func cost(_ flow: Flow) -> Int {
            let empty = Samples.bytes { writer in
                writer.openInterval(lane: .live, bulk: 9, from: 1 << 40)
                writer.closeInterval(to: 1 << 40)
            }
            let one = Samples.bytes { writer in
                writer.openInterval(lane: .live, bulk: 9, from: 1 << 40)
                _ = writer.append(flow, version: 1 << 40 + 100, isReplacement: false)
                writer.closeInterval(to: 1 << 40 + 100)
            }
            return one.count - empty.count
        }
        #expect(cost(plain) <= 32)
        #expect(cost(Samples.translated) <= 40)
    }

    @Test func `the longest flow has 211 bytes, and every flow fits a message`() throws {
        #expect(try Self.length { $0.append(Samples.longest, version: 1 << 32, isReplacement: true) } == 211)
        var flow = Samples.longest
        flow.original.protocol = .sctp
        flow.reply.protocol = .sctp
        flow.state = .sctp(SCTPInfo(state: .established, originalTag: .max, replyTag: .max))
        #expect(try Self.length { $0.append(flow, version: 1 << 32, isReplacement: true) } == 210)
    }

    @Test func `the longest expectation has 176 bytes`() throws {
        let master = try #require(Samples.longest.master)
        let longest = Conntrack.Expectation(
            key: ExpectationKey(
                tuple: Samples.longest.original, sourceMask: Address(high: .max, low: .max), sourceKeyMask: .max),
            master: master, timeout: Flow.maximumTimeout, flags: .replicated, policy: .max,
            helper: Samples.longest.extensions.helper,
            translation: ExpectationTranslation(isReply: true, address: .any, key: .max),
            function: try #require(KernelName(String(repeating: "f", count: KernelName.limit))))
        #expect(try Self.length { $0.append(longest, version: 1 << 32) } == 176)
    }

    /// Bytes of the body of the one message that is written, which must come back.
    private static func length(_ append: (inout DatagramWriter) -> Bool) throws -> Int {
        var fits = false
        let bytes = Samples.bytes { writer in
            writer.openInterval(lane: .live, bulk: 0, from: 1)
            fits = append(&writer)
            writer.closeInterval(to: 1 << 32)
        }
        let messages = try Samples.read(bytes).map { try $0.get() }
        #expect(fits && messages.count == 2)
        return Int(bytes[DatagramHeader.size + 2 + 17 + 1])
    }

    @Test func `a message that does not fit leaves no trace`() {
        var writer = DatagramWriter(capacity: 512)
        writer.begin(Samples.header)
        writer.openInterval(lane: .live, bulk: 0, from: 0)
        var fitted = 0
        while writer.append(Samples.translated, version: UInt64(fitted + 1), isReplacement: false) { fitted += 1 }
        let count = writer.count
        let again = writer.append(Samples.translated, version: 1000, isReplacement: false)
        #expect(!again && writer.count == count && fitted > 10)
    }
}

/// A small generator, so that a failing seed can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
