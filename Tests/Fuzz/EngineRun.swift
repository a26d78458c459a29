import Bytes
import Conntrack
import Failover
import StateMachine
import SyncProtocol

@testable import Engine
@testable import Simulation

/// An engine and what surrounds it.
struct EngineRun: ~Copyable {
    private let clock = VirtualClock()
    private let network: SimulatedNetwork
    private let kernel: SimulatedKernel
    private var engine: SimulatedNode.SimulatedEngine
    private var sequence: UInt64 = 0
    /// What was put on the link, for repetitions.
    private var sent: [[UInt8]] = []
    private static let memory = 16

    init(externalLimit: Int) {
        network = SimulatedNetwork(clock: clock, seed: 1)
        network.payload = 1_400
        kernel = SimulatedKernel(clock: clock, seed: 2, limit: 200, timeouts: ProtocolTimeouts())
        var settings = EngineSettings(
            nodeName: "r1", incarnation: 1_700_000_000, group: "vg", hashKey: SipHash.Key(3, 4),
            digestKey: SipHash.Key(5, 6))
        settings.externalLimit = externalLimit
        settings.purgeTimeout = .seconds(2)
        settings.filter = FlowFilter(ownAddresses: [.init(Address(ipv4: 0xc0a8_0a02), .ipv4)])
        engine = SimulatedNode.SimulatedEngine(
            kernel: SimulatedKernelPort(kernel), link: SimulatedLinkPort(network: network, node: 0),
            settings: settings, at: clock.now)
    }

    mutating func pass(milliseconds: Int) {
        clock.now = clock.now + .milliseconds(UInt64(milliseconds))
        kernel.expire()
        _ = network.deliver()
        // What the engine sent comes back as from a mirror, if the fuzzer wants it.
        for datagram in network.inboxes[1].suffix(2) { remember(datagram.bytes) }
        network.inboxes[1].removeAll(keepingCapacity: true)
    }

    /// Runs one turn; whether another one is due now.
    mutating func turn() -> Bool {
        let due = engine.turn(at: clock.now)
        _ = engine.takeNotices()
        return due <= clock.now
    }

    /// Does what the next bytes say.
    mutating func step(_ input: inout FuzzInput) {
        switch input.below(10) {
        case 0, 1: arrive(compose(&input))
        case 2: arrive(repeated(&input))
        case 3: arrive(raw(&input))
        case 4: pass(milliseconds: Int(input.byte()) * 8)
        case 5: speak(&input)
        case 6: command(&input)
        case 7: track(&input)
        case 8: engine.take(.addresses(input.pick([.all, .none, .some, .unknown])), at: clock.now)
        default:
            kernel.loseEvents()
            pass(milliseconds: 1)
        }
    }

    mutating func check(externalLimit: Int) throws(FuzzFailure) {
        let report = engine.report(at: clock.now)
        try hold(report.externalFlows <= externalLimit, "\(report.externalFlows) flows are held of a peer")
        try hold(report.internalFlows <= 400, "\(report.internalFlows) flows in a table of 200")
        try hold(report.tombstones <= 4_096, "\(report.tombstones) tombstones")
        for external in [false, true] {
            var place: UInt32? = 0
            var count = 0
            while let from = place {
                var lines: [ListedFlow] = []
                place = engine.list(external: external, from: from, limit: 16, into: &lines)
                count += lines.count
            }
            try hold(count <= 600, "a listing of \(count) flows")
        }
    }

    // MARK: What comes from the link

    private mutating func arrive(_ bytes: [UInt8]) {
        guard bytes.count <= network.payload, network.inboxes[0].count < 64 else { return }
        network.inboxes[0].append(.init(bytes: bytes, source: 1, link: 0))
        remember(bytes)
    }

    private mutating func remember(_ bytes: [UInt8]) {
        if sent.count == Self.memory { sent.removeFirst() }
        sent.append(bytes)
    }

    private mutating func header(_ input: inout FuzzInput) -> DatagramHeader {
        let senders: [UInt32] = [17, 17, 17, 18, engine.settings.sender]
        let sender = input.pick(senders)
        let incarnation = input.number()
        let term = input.number()
        sequence = sequence &+ input.number()
        let role = input.pick(DatagramHeader.Role.allCases)
        return DatagramHeader(
            sender: sender, incarnation: incarnation, term: term, sequence: sequence, role: role,
            inSync: input.flag())
    }

    private mutating func raw(_ input: inout FuzzInput) -> [UInt8] {
        let header = header(&input)
        var writer = DatagramWriter(capacity: 1_400)
        writer.begin(header)
        let front = writer.withBytes { [UInt8]($0) }
        return front + input.bytes(Int(input.byte()))
    }

    /// A datagram that was there before, changed in a few places, or cut.
    private mutating func repeated(_ input: inout FuzzInput) -> [UInt8] {
        guard !sent.isEmpty else { return [] }
        var bytes = sent[input.below(sent.count)]
        for _ in 0..<input.below(4) where !bytes.isEmpty {
            bytes[Int(input.uint16()) % bytes.count] = input.byte()
        }
        if input.below(8) == 7 { bytes.removeLast(min(bytes.count, Int(input.byte()))) }
        return bytes
    }

    private mutating func compose(_ input: inout FuzzInput) -> [UInt8] {
        let header = header(&input)
        var writer = DatagramWriter(capacity: 1_400)
        writer.begin(header)
        for _ in 0..<1 + input.below(4) { append(&input, to: &writer) }
        return writer.withBytes { [UInt8]($0) }
    }

    private func append(_ input: inout FuzzInput, to writer: inout DatagramWriter) {
        switch input.below(12) {
        case 0:
            _ = writer.append(.hello(Hello(name: input.pick(["r2", "r3", "r1"]))))
        case 1:
            let (sent, end) = (input.number(), input.number())
            _ = writer.append(
                .progress(
                    Progress(
                        sentVersion: sent, bulk: UInt32(truncatingIfNeeded: input.number()), bulkEnd: end,
                        bulkSent: min(end, input.number()),
                        asker: input.flag() ? 1_700_000_000 + input.number() % 2 : nil)))
        case 2, 3, 4:
            // An interval is opened where there is room for it: at the front, as the engine does.
            guard writer.count < 1_000 else { return }
            appendInterval(&input, to: &writer)
        case 5:
            let gapFree = input.number()
            var holes: [(from: UInt64, to: UInt64)] = []
            var place = gapFree
            for _ in 0..<input.below(3) {
                let from = place.addingReportingOverflow(input.number())
                let to = from.partialValue.addingReportingOverflow(input.number())
                guard !from.overflow, !to.overflow else { break }
                holes.append((from.partialValue, to.partialValue))
                place = to.partialValue
            }
            _ = writer.append(
                .acknowledgement(
                    Acknowledgement(
                        incarnation: input.flag() ? 1_700_000_000 : input.number(),
                        bulk: UInt32(truncatingIfNeeded: input.number()), gapFree: gapFree,
                        sequence: input.number(), holes: holes)))
        case 6:
            _ = writer.append(
                .bulkRequest(
                    BulkRequest(
                        incarnation: input.flag() ? 0 : 1_700_000_000,
                        after: UInt32(truncatingIfNeeded: input.number()),
                        request: UInt32(truncatingIfNeeded: input.number()), parts: UInt16(input.byte()))))
        case 7:
            _ = writer.append(
                .recallRequest(
                    RecallRequest(id: UInt32(truncatingIfNeeded: input.number()), place: input.number())))
        case 8:
            _ = writer.append(
                .marker(
                    Marker(
                        version: input.number(), bulk: UInt32(truncatingIfNeeded: input.number()),
                        digest: input.number())))
        case 9:
            let buckets = (0..<input.below(4)).map { _ in
                (number: input.uint16() % BucketDigests.bucketCount, digest: input.number())
            }
            _ = writer.append(
                .bucketDigests(
                    BucketDigests(request: UInt32(truncatingIfNeeded: input.number()), buckets: buckets)))
        case 10:
            let words = (0..<input.below(BulkBuckets.limit + 1)).map { _ in input.number() }
            _ = writer.append(
                .bulkBuckets(
                    BulkBuckets(
                        bulk: UInt32(truncatingIfNeeded: input.number()),
                        place: UInt8(input.below(BulkBuckets.wordCount + 1 - words.count)), words: words)))
        default:
            appendPage(&input, to: &writer)
        }
    }

    private func appendInterval(_ input: inout FuzzInput, to writer: inout DatagramWriter) {
        let from = input.number()
        let length = input.number() & 0xffff_ffff
        let to = from.addingReportingOverflow(length).overflow ? from : from + length
        writer.openInterval(
            lane: input.pick(Lane.allCases), bulk: UInt32(truncatingIfNeeded: input.number()), from: from)
        for _ in 0..<input.below(5) {
            let version = min(to, from + min(to - from, input.number()))
            switch input.below(6) {
            case 0: _ = writer.appendDestroy(FuzzFlow.tuple(&input), version: version)
            case 1: _ = writer.append(FuzzFlow.expectation(&input), version: version)
            case 2: _ = writer.appendExpectationDestroy(FuzzFlow.expectation(&input).key, version: version)
            default:
                _ = writer.append(FuzzFlow.flow(&input), version: version, isReplacement: input.flag())
            }
        }
        writer.closeInterval(to: to)
    }

    private func appendPage(_ input: inout FuzzInput, to writer: inout DatagramWriter) {
        let place = input.number()
        _ = writer.append(
            .recallPage(
                RecallPage(id: UInt32(truncatingIfNeeded: input.number()), place: place, next: input.number())))
        for _ in 0..<input.below(4) {
            _ = writer.append(FuzzFlow.flow(&input), version: 0, isReplacement: false)
        }
        if input.flag() { _ = writer.append(FuzzFlow.expectation(&input), version: 0) }
    }

    // MARK: What comes from elsewhere

    private mutating func speak(_ input: inout FuzzInput) {
        let states: [RoleNotification.State] = [.master, .backup, .fault, .stop, .deleted]
        engine.take(.notify(RoleNotification(.group, "vg", input.pick(states)), from: .fifo), at: clock.now)
    }

    private mutating func command(_ input: inout FuzzInput) {
        let commands: [EngineCommand] = [
            .commit(id: 1), .flush(.external, id: 2), .flush(.internal, id: 3), .flush(.kernel, id: 4),
            .resyncKernel(id: 5), .resyncPeer(id: 6), .bulk(id: 7), .purge(id: 8), .resetExternal(id: 9),
            .resetInternal(id: 10), .choose(.master, id: 11), .choose(.backup, id: 12), .networkWent,
            .chooseAutomatically(id: 13), .choose(.fault, id: 14),
        ]
        engine.take(input.pick(commands), at: clock.now)
    }

    private mutating func track(_ input: inout FuzzInput) {
        let flow = FuzzFlow.flow(&input)
        switch input.below(4) {
        case 0: kernel.kill(flow.original)
        case 1: kernel.expect(FuzzFlow.expectation(&input))
        default:
            guard kernel.isFree(flow), kernel.count < kernel.limit else { return }
            kernel.track(flow, timeout: min(flow.timeout, 1_000))
        }
    }
}
