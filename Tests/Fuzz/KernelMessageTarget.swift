import Bytes
import Conntrack
import SyncProtocol

@testable import Netfilter

/// The parsers of ctnetlink: what they take can be asked of a kernel and told to a peer, and means the same there.
///
/// The first byte says whether the messages are events or lines of a dump.
enum KernelMessageTarget {
    static func take(_ bytes: [UInt8]) throws(FuzzFailure) {
        guard let first = bytes.first else { return }
        let datagram = Array(bytes.dropFirst())
        var flows: [Flow] = []
        var expectations: [Expectation] = []
        read(datagram, isDumped: first & 1 == 1, &flows, &expectations)
        try hold(flows.count + expectations.count <= datagram.count / NetlinkMessage.headerSize, "too many messages")
        for flow in flows {
            try checkRequests(flow)
            try checkWire(flow)
        }
        for expectation in expectations {
            try checkRequests(expectation)
            try checkWire(expectation)
        }
    }

    private static func read(
        _ datagram: [UInt8], isDumped: Bool, _ flows: inout [Flow], _ expectations: inout [Expectation]
    ) {
        datagram.withBytes { bytes in
            var cursor = ByteCursor(bytes)
            while cursor.remaining > 0 {
                do {
                    let message = try NetlinkMessage(bytes, &cursor)
                    if message.type == NetlinkMessage.error { _ = try message.failure(bytes) }
                    if ExpectationParser.isResponsible(for: message) {
                        let event =
                            isDumped
                            ? try ExpectationParser.dumped(message, bytes)
                            : try ExpectationParser.event(message, bytes)
                        expectations.append(event.expectation)
                    } else {
                        let event =
                            isDumped ? try FlowParser.dumped(message, bytes) : try FlowParser.event(message, bytes)
                        flows.append(event.flow)
                    }
                } catch {
                    if (error as? Netfilter.MessageRefusal) == .truncatedMessage { return }
                }
            }
        }
    }

    // MARK: What the kernel is asked for

    /// Every request for the flow fits its room, and the kernel's own parser would read the flow out of it.
    private static func checkRequests(_ flow: Flow) throws(FuzzFailure) {
        guard FlowMessageWriter.canExpress(flow) else { return }
        var writer = FlowMessageWriter(requests: 6)
        writer.create(flow, liberal: true, sequence: 1)
        writer.update(flow, liberal: true, sequence: 2)
        writer.makeStrict(flow, sequence: 3)
        writer.prolong(flow, sequence: 4)
        writer.delete(flow, sequence: 5)
        writer.get(flow.original, sequence: 6)
        var flows: [Flow] = []
        var expectations: [Expectation] = []
        read(writer.buffer.withBytes { [UInt8]($0) }, isDumped: false, &flows, &expectations)
        // What is asked for is refused as an event.
        try hold(flows.count == 5 && expectations.isEmpty, "\(flows.count) of 5 requests are read for \(flow)")
        for told in flows { try hold(told.original == flow.original, "\(flow) is asked for as \(told)") }
        let created = flows[0]
        try hold(created.mark == flow.mark, "\(flow) is created as \(created)")
        try hold(created.extensions == flow.extensions, "\(flow) is created as \(created)")
        var (master, told) = (flow.master, created.master)
        master?.zone = 0
        told?.zone = 0
        try hold(master == told, "\(flow) is created as \(created)")
        try hold((1...Flow.maximumTimeout).contains(created.timeout), "\(flow) is created as \(created)")
    }

    private static func checkRequests(_ expectation: Expectation) throws(FuzzFailure) {
        guard FlowMessageWriter.canExpress(expectation) else { return }
        var writer = FlowMessageWriter(requests: 3)
        writer.create(expectation, sequence: 1)
        writer.renew(expectation, sequence: 2)
        var flows: [Flow] = []
        var expectations: [Expectation] = []
        read(writer.buffer.withBytes { [UInt8]($0) }, isDumped: false, &flows, &expectations)
        try hold(expectations.count == 2 && flows.isEmpty, "\(expectations.count) of 2 requests for \(expectation)")
        for told in expectations {
            try hold(told.key == expectation.key && told.master == expectation.master, "\(expectation) became \(told)")
        }
        let created = expectations[0]
        try hold(created.function == expectation.function, "\(expectation) is created as \(created)")
        try hold(created.policy == expectation.policy, "\(expectation) is created as \(created)")
        try hold(
            created.flags == expectation.flags.intersection(.replicated), "\(expectation) is created as \(created)")
        writer.delete(expectation, sequence: 3)
    }

    // MARK: What a peer is told

    private static func checkWire(_ flow: Flow) throws(FuzzFailure) {
        var sent = flow
        sent.timeout = min(flow.timeout, Flow.maximumTimeout)
        let told = try send { writer in writer.append(sent, version: 0, isReplacement: false) }
        switch told {
        case .failure(let refusal):
            // No kernel tracks these.
            try hold([.master, .family].contains(refusal), "\(flow) is refused by a peer: \(refusal)")
        case .success(.flow(let message)):
            var differences = message.flow.differences(from: sent)
            differences.remove(.timeout)
            try hold(differences.isEmpty, "\(flow) is heard as \(message.flow)")
        case .success(let message):
            throw FuzzFailure(description: "\(flow) is heard as \(message)")
        }
    }

    private static func checkWire(_ expectation: Expectation) throws(FuzzFailure) {
        var sent = expectation
        sent.timeout = min(expectation.timeout, Flow.maximumTimeout)
        sent.flags.formIntersection(.replicated)
        let told = try send { writer in writer.append(sent, version: 0) }
        switch told {
        case .failure(let refusal):
            try hold([.master, .family, .key].contains(refusal), "\(expectation) is refused by a peer: \(refusal)")
        case .success(let message):
            let expected = Message.expectation(ExpectationMessage(version: 0, expectation: sent))
            try hold(message == expected, "\(expectation) is heard as \(message)")
        }
    }

    /// Sends one message in a page and reads what comes of it.
    private static func send(
        _ append: (inout DatagramWriter) -> Bool
    ) throws(FuzzFailure) -> Result<Message, SyncProtocol.MessageRefusal> {
        var writer = DatagramWriter(capacity: 1_400)
        writer.begin(
            DatagramHeader(sender: 1, incarnation: 1, term: 1, sequence: 1, role: .master, inSync: true))
        _ = writer.append(.recallPage(RecallPage(id: 1, place: 1, next: 2)))
        let hasFitted = append(&writer)
        try hold(hasFitted, "a flow or an expectation does not fit a message")
        let bytes = writer.withBytes { [UInt8]($0) }
        let opened = try? bytes.withBytes { span throws(DatagramRefusal) in try DatagramReader(span) }
        guard var reader = opened else { throw FuzzFailure(description: "our own datagram is refused") }
        do {
            _ = try bytes.withBytes { span throws(SyncProtocol.MessageRefusal) in try reader.next(span) }
            let next = try bytes.withBytes { span throws(SyncProtocol.MessageRefusal) in try reader.next(span) }
            return .success(next ?? .farewell)
        } catch {
            return .failure(error)
        }
    }

    static var seeds: [[UInt8]] {
        let golden = GoldenMessage.all.map { [$0.isDumped ? 1 : 0] + $0.bytes }
        var writer = FlowMessageWriter(requests: 4)
        writer.create(Samples.longest, liberal: true, sequence: 1)
        writer.create(Samples.controlled, liberal: false, sequence: 2)
        writer.create(Samples.expected, sequence: 3)
        writer.delete(Samples.expected, sequence: 4)
        let requests = [0] + writer.buffer.withBytes { [UInt8]($0) }
        return golden + [requests, [1] + requests.dropFirst()]
    }
}
