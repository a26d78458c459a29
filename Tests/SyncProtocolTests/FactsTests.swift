import Bytes
import Conntrack
import Testing

@testable import SyncProtocol

/// What nodes tell each other of their kernels.
@Suite struct FactsTests {
    /// The facts of a datagram with one message of this body.
    private func read(_ body: [UInt8]) throws -> Message? {
        let bytes = Samples.bytes { _ in } + [Message.Kind.facts.rawValue, UInt8(body.count)] + body
        return try Samples.read(bytes).first?.get()
    }

    private func body(of facts: NodeFacts) -> [UInt8] {
        Array(Samples.bytes { _ = $0.append(.facts(facts)) }.dropFirst(DatagramHeader.size + 2))
    }

    @Test func `unknown is said, and is not zero`() throws {
        #expect(try read(body(of: NodeFacts())) == .facts(NodeFacts()))
        var facts = NodeFacts()
        facts.entries = 0
        facts.limit = .max
        facts.events = .never
        facts.lossPerMille = 0
        facts.copies = 200_000
        #expect(try read(body(of: facts)) == .facts(facts))
    }

    @Test func `an empty message tells nothing`() throws {
        #expect(try read([]) == .facts(NodeFacts()))
    }

    @Test func `a section that nobody knows is skipped`() throws {
        let known = body(of: Samples.facts)
        #expect(try read([99, 3, 1, 2, 3] + known) == .facts(Samples.facts))
        #expect(try read(known + [200, 0]) == .facts(Samples.facts))
    }

    @Test func `what stands behind the known fields of a section is ignored`() throws {
        var facts = NodeFacts()
        facts.setsZones = true
        #expect(try read([2, 5, 0, 0, 2, 7, 9]) == .facts(facts))
        let more = TimeoutSetting.allCases.map { UInt8($0.rawValue + 1) }
        facts = NodeFacts()
        facts.timeouts = more.map { UInt32($0) }
        #expect(try read([4, UInt8(more.count + 2)] + more + [77, 78]) == .facts(facts))
    }

    @Test func `a version that knows fewer timeouts leaves the others unknown`() throws {
        guard case .facts(let facts) = try read([4, 3, 120, 60, 0]) else {
            Issue.record("no facts")
            return
        }
        #expect(facts.timeout(.tcpSynSent) == 120 && facts.timeout(.tcpSynReceived) == 60)
        #expect(facts.timeout(.tcpEstablished) == nil && facts.timeout(.generic) == nil)
    }

    @Test func `the longest facts fit a message, and lose what is only on the disk first`() throws {
        var facts = Samples.facts
        facts.entries = .max - 1
        facts.limit = .max - 1
        facts.buckets = .max - 1
        facts.lossPerMille = 1_000
        facts.timeouts = TimeoutSetting.allCases.map { _ in .max }
        facts.helpers = (10..<16).compactMap { KernelName("helper-\($0)-name") }
        facts.loadableHelpers = (20..<30).compactMap { KernelName("on-disk-\($0)") }
        guard case .facts(let told) = try read(body(of: facts)) else {
            Issue.record("no facts")
            return
        }
        #expect(body(of: facts).count <= FactsCodec.limit)
        #expect(told.timeouts == facts.timeouts && told.entries == facts.entries)
        #expect(!told.helpers.isEmpty && told.helpers == Array(facts.helpers.prefix(told.helpers.count)))
        #expect(told.loadableHelpers.count < facts.loadableHelpers.count)
    }

    @Test func `the facts of a common node take 110 bytes at most`() {
        #expect(body(of: Samples.facts).count <= 110)
    }

    @Test func `only the table and the link move without being news`() {
        var facts = Samples.facts
        facts.entries = 1
        facts.lossPerMille = nil
        #expect(!facts.isNews(after: Samples.facts) && facts.isNews(after: nil))
        facts.isLoose = true
        #expect(facts.isNews(after: Samples.facts))
    }
}
