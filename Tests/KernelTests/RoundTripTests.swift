import Conntrack
import LabSupport
import Netfilter
import Testing

/// What is written into the kernel's table comes out of it as it went in.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct RoundTripTests {
    @Test func `every kind of flow is dumped as it was created`() throws {
        let wrong = try withKernel { tap in
            var wrong: [String] = []
            var writer = try ConntrackWriter.open()
            for chunk in chunks(RoundTripCase.all.count) {
                let flows = chunk.map { RoundTripCase.all[$0].flow.moved(to: $0 - chunk.lowerBound) }
                for refused in try write(flows.map { FlowWrite(.create, $0) }, &writer) {
                    wrong.append("\(RoundTripCase.all[chunk][chunk.lowerBound + refused.index]): \(refused.reason)")
                }
                let table = try dumpTable().map(\.flow)
                try tap.receive()
                try tap.dump()
                for (flow, one) in zip(flows, RoundTripCase.all[chunk]) {
                    guard var dumped = table.byOriginal[flow.original] else {
                        wrong.append("\(one): not there")
                        continue
                    }
                    if !(590...600).contains(dumped.timeout) { wrong.append("\(one): timeout \(dumped.timeout)") }
                    dumped.timeout = flow.timeout
                    if dumped != flow { wrong.append("\(one):\n  wanted \(flow)\n  dumped \(dumped)") }
                }
                for refused in try write(flows.map { FlowWrite(.delete, $0) }, &writer) {
                    wrong.append("delete of \(flows[refused.index]): \(refused.reason)")
                }
                if !(try dumpTable()).isEmpty { wrong.append("\(chunk): something is left") }
            }
            return wrong
        }
        #expect(
            wrong.isEmpty, "\(wrong.prefix(6).joined(separator: "\n"))\n\(wrong.count) of \(RoundTripCase.all.count)")
        #expect(RoundTripCase.all.count == 896)
    }
}
