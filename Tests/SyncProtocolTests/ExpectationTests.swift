import Bytes
import Conntrack
import Testing

@testable import SyncProtocol

@Suite struct ExpectationTests {
    /// An expectation, and how it differs from the usual one.
    struct Row: Sendable, CustomTestStringConvertible {
        let what: String
        let expectation: Conntrack.Expectation

        var testDescription: String { what }

        init(_ what: String, _ change: (inout Conntrack.Expectation) -> Void) {
            self.what = what
            var expectation = Samples.expected
            change(&expectation)
            self.expectation = expectation
        }
    }

    @Test(arguments: [
        Row("as usual") { _ in },
        Row("without a helper") { $0.helper = .none },
        Row("without a function") { $0.function = .none },
        Row("untranslated") { $0.translation = nil },
        Row("translated as its master") { $0.translation?.isReply = false },
        Row("in a zone") { ($0.key.tuple.zone, $0.master.zone) = (5, 5) },
        Row("inactive") { $0.flags = .inactive },
        Row("of another policy") { $0.policy = 300 },
        Row("from anywhere") { $0.key.sourceMask = .any },
        Row("from a port") { $0.key.sourceKeyMask = .max },
        Row("IPv6") {
            $0.key.tuple.family = .ipv6
            $0.key.tuple.source = Address(high: 1, low: 2)
            $0.key.sourceMask = Address(high: .max, low: .max)
            $0.master.family = .ipv6
            $0.translation?.address = Address(high: 3, low: 4)
        },
        Row("of a protocol without ports") {
            $0.key.tuple.protocol = ProtocolNumber(rawValue: 89)
            $0.key.tuple.destinationKey = 0
            $0.translation?.key = 0
        },
    ])
    func `an expectation comes back as it was`(row: Row) throws {
        let bytes = Samples.bytes { writer in
            writer.openInterval(lane: .live, bulk: 1, from: 5)
            _ = writer.append(row.expectation, version: 6)
            _ = writer.appendExpectationDestroy(row.expectation.key, version: 7)
            writer.closeInterval(to: 7)
        }
        let messages = try Samples.read(bytes).map { try $0.get() }
        #expect(
            messages.dropFirst() == [
                .expectation(ExpectationMessage(version: 6, expectation: row.expectation)),
                .expectationDestroy(ExpectationDestroyMessage(version: 7, key: row.expectation.key)),
            ])
    }

    @Test func `flags that the kernel sets by itself stay here`() throws {
        var expectation = Samples.expected
        expectation.flags = [.permanent, .userspace]
        let bytes = Samples.bytes { writer in
            _ = writer.append(.recallPage(RecallPage(id: 4, place: 77, next: 78)))
            _ = writer.append(expectation, version: 0)
        }
        let read = try #require(try Samples.read(bytes).last).get()
        #expect(read == .expectation(ExpectationMessage(version: 0, expectation: Samples.expected)))
    }

    @Test func `a recall page carries expectations with version 0`() throws {
        let bytes = Samples.bytes { writer in
            _ = writer.append(.recallPage(RecallPage(id: 4, place: 77, next: 78)))
            _ = writer.append(Samples.expected, version: 0)
            _ = writer.append(Samples.expected, version: 1)
        }
        #expect(
            try Samples.read(bytes).dropFirst() == [
                .success(.expectation(ExpectationMessage(version: 0, expectation: Samples.expected))),
                .failure(.number),
            ])
    }

    @Test func `an expectation that does not fit leaves no trace`() {
        var writer = DatagramWriter(capacity: 512)
        writer.begin(Samples.header)
        writer.openInterval(lane: .live, bulk: 0, from: 0)
        var fitted = 0
        while writer.append(Samples.expected, version: UInt64(fitted + 1)) { fitted += 1 }
        let count = writer.count
        let again = writer.append(Samples.expected, version: 100)
        #expect(!again && writer.count == count && fitted > 3)
    }
}
