import Conntrack
import ControlProtocol
import Testing

@Suite struct ControlFrameTests {
    /// The payload of a whole frame.
    private func payload(_ frame: [UInt8]) throws -> [UInt8] {
        var assembler = FrameAssembler()
        assembler.append(frame)
        return try #require(try assembler.next())
    }

    @Test(arguments: Sample.requests)
    func `a request arrives as it was sent`(request: ControlRequest) throws {
        #expect(try ControlRequest(payload: payload(try request.frame())) == request)
    }

    @Test(arguments: Sample.replies)
    func `a reply arrives as it was sent`(reply: ControlReply) throws {
        #expect(try ControlReply(payload: payload(try reply.frame())) == reply)
    }

    /// The bytes on the socket: a change here is a new version of the protocol.
    @Test(
        arguments: [
            (.status, [0, 0, 0, 2, 1, 1]),
            (.statistics, [0, 0, 0, 2, 1, 2]),
            (.cache(.external, .expect), [0, 0, 0, 4, 1, 3, 1, 1]),
            (.table(.ipv6), [0, 0, 0, 3, 1, 4, 10]),
            (
                .notify(RoleNotification(.instance, name: "VI_1", .deleted, priority: 100, sentAt: 300)),
                [0, 0, 0, 13, 1, 5, 1, 4, 0x56, 0x49, 0x5f, 0x31, 4, 1, 100, 0xac, 0x02]
            ),
            (.role(.auto, group: "g"), [0, 0, 0, 6, 1, 6, 3, 1, 1, 0x67]),
            (.commit, [0, 0, 0, 2, 1, 7]),
            (.flush(.kernel), [0, 0, 0, 3, 1, 8, 2]),
            (.resync(.peer), [0, 0, 0, 3, 1, 9, 1]),
            (.bulk, [0, 0, 0, 2, 1, 10]),
            (.purge, [0, 0, 0, 2, 1, 11]),
            (.reset(.internal), [0, 0, 0, 3, 1, 12, 0]),
            (.preflight, [0, 0, 0, 2, 1, 13]),
            (.key(.add(id: 7, Sample.secret)), [0, 0, 0, 36, 1, 20, 1, 7] + Array(UInt8(1)...32)),
            (.key(.use(id: 7)), [0, 0, 0, 4, 1, 20, 2, 7]),
            (.key(.remove(id: 7)), [0, 0, 0, 4, 1, 20, 3, 7]),
            (.key(.stage(.require)), [0, 0, 0, 4, 1, 20, 4, 2]),
            (.key(.list), [0, 0, 0, 3, 1, 20, 5]),
        ] as [(ControlRequest, [UInt8])])
    func `a request has these bytes`(request: ControlRequest, bytes: [UInt8]) throws {
        #expect(try request.frame() == bytes)
    }

    @Test(
        arguments: [
            (.done("ok"), [0, 0, 0, 5, 1, 129, 2, 0x6f, 0x6b]),
            (.refused(""), [0, 0, 0, 3, 1, 130, 0]),
            (.flows(FlowBatch([], more: true)), [0, 0, 0, 5, 1, 133, 0, 1, 0]),
            (.expectations(ExpectationLineBatch([], more: true)), [0, 0, 0, 5, 1, 135, 0, 1, 0]),
            (.progress(ProgressReport("a", percent: 9)), [0, 0, 0, 6, 1, 134, 1, 0x61, 1, 9]),
            (
                .preflight(PreflightReport(node: "a", verdict: .notSafe, passed: [.link], unknown: [.flows])),
                [0, 0, 0, 12, 1, 136, 1, 0x61, 2, 0, 0, 0, 1, 0, 1, 19]
            ),
        ] as [(ControlReply, [UInt8])])
    func `a reply has these bytes`(reply: ControlReply, bytes: [UInt8]) throws {
        #expect(try reply.frame() == bytes)
    }

    @Test func `every truncation of every request is refused`() throws {
        for request in Sample.requests {
            let whole = try payload(try request.frame())
            for count in 0..<whole.count {
                #expect(throws: ControlProtocolError.truncated, "\(request) at \(count)") {
                    try ControlRequest(payload: Array(whole.prefix(count)))
                }
            }
        }
    }

    @Test func `every truncation of every reply is refused`() throws {
        for reply in Sample.replies {
            let whole = try payload(try reply.frame())
            for count in 0..<whole.count {
                #expect(throws: ControlProtocolError.truncated, "\(reply) at \(count)") {
                    try ControlReply(payload: Array(whole.prefix(count)))
                }
            }
        }
    }

    @Test(
        arguments: [
            ([2, 1], .version(2)), ([1, 0], .kind(0)), ([1, 14], .kind(14)), ([1, 129], .kind(129)),
            ([1, 1, 0], .trailingBytes), ([1, 3, 2, 0], .value), ([1, 4, 3], .value), ([1, 8, 3], .value),
            ([1, 6, 0, 2], .value), ([1, 5, 0, 0x81, 0x20], .value),
            ([1, 6, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], .value),
        ] as [([UInt8], ControlProtocolError)])
    func `a malformed request is refused by its fault`(payload: [UInt8], error: ControlProtocolError) {
        #expect(throws: error) { try ControlRequest(payload: payload) }
    }

    @Test(
        arguments: [
            ([1, 1], .kind(1)), ([1, 133, 0xff, 0xff, 0xff, 0x7f], .value), ([1, 134, 0, 1, 101], .value),
            ([1, 133, 1, 0, 9], .value),
        ] as [([UInt8], ControlProtocolError)])
    func `a malformed reply is refused by its fault`(payload: [UInt8], error: ControlProtocolError) {
        #expect(throws: error) { try ControlReply(payload: payload) }
    }

    @Test func `random and damaged payloads never trap`() throws {
        var state: UInt64 = 7
        func chance() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        var understood = 0
        for reply in Sample.replies {
            let whole = try payload(try reply.frame())
            for _ in 0..<300 {
                var damaged = whole
                for _ in 0...Int(chance() % 3) { damaged[Int(chance()) % damaged.count] = chance() }
                if (try? ControlReply(payload: damaged)) != nil { understood += 1 }
                _ = try? ControlRequest(payload: damaged)
            }
        }
        for _ in 0..<3_000 {
            let noise = [1, chance() % 16 | (chance() & 0x80)] + (0..<Int(chance() % 60)).map { _ in chance() }
            _ = try? ControlReply(payload: noise)
            _ = try? ControlRequest(payload: noise)
        }
        #expect(understood > 0)
    }

    @Test(arguments: [1, 2, 3, 5, 7, 64, 10_000])
    func `frames come out of chunks of any size`(size: Int) throws {
        let stream = try Sample.replies.flatMap { try $0.frame() }
        var assembler = FrameAssembler()
        var replies: [ControlReply] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            assembler.append(stream[start..<min(start + size, stream.count)])
            while let payload = try assembler.next() { replies.append(try ControlReply(payload: payload)) }
        }
        #expect(replies == Sample.replies)
        let rest = assembler.pendingCount
        #expect(rest == 0)
    }

    @Test func `an oversized frame is refused by its length alone`() throws {
        var assembler = FrameAssembler()
        assembler.append([0, 5, 0, 1])
        #expect(throws: ControlProtocolError.oversized) { try assembler.next() }
        #expect(throws: ControlProtocolError.oversized) { try assembler.next() }
        var full = FrameAssembler()
        full.append([0, 5, 0, 0])
        let nothing = try full.next()
        #expect(nothing == nil)
    }

    @Test func `a full batch of the largest flows fits a frame, and what is too long is cut`() throws {
        var line = Sample.ping
        line.id = .max
        line.flow.master = line.flow.original
        line.flow.status = FlowStatus(rawValue: .max)
        line.flow.timeout = .max
        line.flow.mark = .max
        line.flow.state = .dccp(DCCPInfo(state: .open, originalIsServer: true, handshakeSequence: 1 << 48 - 1))
        line.flow.extensions = FlowExtensions(
            helper: try #require(KernelName(String(repeating: "h", count: KernelName.limit))),
            labels: ConnectionLabels(high: .max, low: .max),
            sequence: SequenceAdjustments(
                original: SequenceAdjustment(position: .max, before: -1, after: -1),
                reply: SequenceAdjustment(position: .max, before: -1, after: -1)),
            synproxy: SynproxyState(initialSequence: .max, initialTimestamp: .max, timestampOffset: .max))
        line.ageMilliseconds = .max
        for ends in [\Flow.original, \Flow.reply] {
            line.flow[keyPath: ends].sourceKey = .max
            line.flow[keyPath: ends].destinationKey = .max
            line.flow[keyPath: ends].zone = .max
        }
        line.flow.master = line.flow.original
        let lines = Array(repeating: line, count: ControlLimit.batchFlows + 1)
        let frame = try ControlReply.flows(FlowBatch(lines, more: false)).frame()
        guard case .flows(let batch) = try ControlReply(payload: payload(frame)) else {
            Issue.record("no flows")
            return
        }
        #expect(batch.lines.count == ControlLimit.batchFlows && batch.lines.allSatisfy { $0 == line })
        let long = try ControlReply.done(String(repeating: "ü", count: 3_000) + "x").frame()
        #expect(try ControlReply(payload: payload(long)) == .done(String(repeating: "ü", count: 2_048)))
    }

    @Test func `a full batch of the largest expectations fits a frame`() throws {
        let name = try #require(KernelName(String(repeating: "n", count: KernelName.limit)))
        var line = Sample.bareExpected
        line.expectation.key.tuple.source = Address(high: .max, low: .max)
        line.expectation.key.tuple.sourceKey = .max
        line.expectation.key.tuple.destinationKey = .max
        line.expectation.key.tuple.zone = .max
        line.expectation.master = line.expectation.key.tuple
        line.expectation.timeout = .max
        line.expectation.policy = .max
        line.expectation.helper = name
        line.expectation.function = name
        line.expectation.translation = ExpectationTranslation(isReply: true, address: .any, key: .max)
        line.ageMilliseconds = .max
        let lines = Array(repeating: line, count: ControlLimit.batchFlows)
        let reply = ControlReply.expectations(ExpectationLineBatch(lines, more: false))
        #expect(try ControlReply(payload: payload(try reply.frame())) == reply)
    }

    @Test func `only the last reply of a request is last`() {
        #expect(
            Sample.replies.map(\.isLast) == [
                true, true, true, true, true, true, true, false, true, false, true, false, false, true, true, true,
                true,
            ])
    }
}
