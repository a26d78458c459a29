import Conntrack
import LabSupport
import Netfilter
import Testing

/// What is written into the kernel's table comes out of it as it went in.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct RoundTripTests {
    @Test func `every kind of flow is dumped as it was created`() throws {
        let wrong = try NetworkNamespace.withNew {
            var wrong: [String] = []
            var writer = try ConntrackWriter.open()
            for one in RoundTripCase.all {
                let flow = one.flow
                let refused = try write([FlowWrite(.create, flow)], &writer)
                if !refused.isEmpty {
                    wrong.append("\(one): refused as \(refused[0].reason)")
                    continue
                }
                let table = try dumpTable()
                guard table.count == 1, var dumped = table.first?.flow else {
                    wrong.append("\(one): \(table.count) entries")
                    continue
                }
                if !(590...600).contains(dumped.timeout) { wrong.append("\(one): timeout \(dumped.timeout)") }
                dumped.timeout = flow.timeout
                if dumped != flow { wrong.append("\(one):\n  wanted \(flow)\n  dumped \(dumped)") }
                let left = try write([FlowWrite(.delete, flow)], &writer)
                if !left.isEmpty { wrong.append("\(one): delete refused as \(left[0].reason)") }
            }
            return wrong
        }
        #expect(
            wrong.isEmpty, "\(wrong.prefix(6).joined(separator: "\n"))\n\(wrong.count) of \(RoundTripCase.all.count)")
        #expect(RoundTripCase.all.count == 672)
    }
}
