import Conntrack
import LabSupport
import Netfilter
import Testing

/// A dump shows the table, all of it and nothing else.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct DumpTests {
    @Test(arguments: [1_000, 37])
    func `twenty thousand flows are dumped exactly`(batchLimit: Int) throws {
        let flows = FlowGenerator()
        let (outcome, table) = try withKernel { _ in
            var writer = try ConntrackWriter.open()
            return (try flows.load(0..<20_000, using: &writer), try dumpTable(batchLimit: batchLimit))
        }
        #expect(outcome.written == 20_000)
        #expect(table.count == 20_000)
        #expect(table.allSatisfy { $0.kind == .dumped && $0.flow.timeout > 3_500 })
        let dumped = Set(
            table.map { event in
                var flow = event.flow
                flow.timeout = flows.timeout
                return flow
            })
        let expected = Set((0..<20_000).map(flows.flow))
        #expect(dumped == expected)
    }

    @Test func `a dump of one family shows that family`() throws {
        let (four, six, both) = try withKernel { _ in
            var writer = try ConntrackWriter.open()
            _ = try FlowGenerator(family: .ipv4).load(0..<50, using: &writer)
            _ = try FlowGenerator(protocol: .udp, family: .ipv6).load(0..<70, using: &writer)
            return (try dumpTable(.ipv4), try dumpTable(.ipv6), try dumpTable())
        }
        #expect(four.count == 50 && four.allSatisfy { $0.flow.original.family == .ipv4 })
        #expect(six.count == 70 && six.allSatisfy { $0.flow.original.family == .ipv6 })
        #expect(both.count == 120)
    }

    @Test func `an empty table is finished at once`() throws {
        let (table, running, progress) = try withKernel { _ in
            var dump = ConntrackDump()
            try dump.begin()
            var batch = EventBatch(limit: 10)
            var progress = DumpProgress.more
            while progress == .more { progress = try dump.read(into: &batch) }
            return (batch.events, dump.isRunning, progress)
        }
        #expect(progress == .finished)
        #expect(table.isEmpty)
        #expect(!running)
    }

    @Test func `a dump may begin anew in the middle`() throws {
        let counts = try withKernel { _ in
            var writer = try ConntrackWriter.open()
            _ = try FlowGenerator().load(0..<1_000, using: &writer)
            var dump = ConntrackDump()
            try dump.begin()
            var batch = EventBatch(limit: 10)
            let first = try dump.read(into: &batch)
            try dump.begin()
            var count = 0
            var progress = DumpProgress.more
            while progress == .more {
                batch.removeAll()
                progress = try dump.read(into: &batch)
                count += batch.events.count
            }
            return (first, count)
        }
        #expect(counts.0 == .more)
        #expect(counts.1 == 1_000)
    }
}
