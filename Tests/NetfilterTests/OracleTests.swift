import LabSupport
import Testing

/// Our parser and libnetfilter_conntrack read the same out of every message.
@Suite struct OracleTests {
    @Test(arguments: GoldenMessage.all + GoldenMessage.expectations)
    func `every attribute agrees with libnetfilter_conntrack`(golden: GoldenMessage) {
        #expect(Oracle.differences(golden.bytes, isDumped: golden.isDumped).isEmpty)
    }

    @Test func `what differs is named`() throws {
        let golden = try #require(GoldenMessage.all.first { $0.name.hasPrefix("a new IPv4 TCP syn_sent") })
        let scale: [UInt8] = [16, 0, 4, 0x80, 12, 0, 1, 0x80, 5, 0, 2, 0, 15, 0, 0, 0]
        let differences = Oracle.differences((golden.bytes + scale).withOwnLength, isDumped: false)
        #expect(differences == ["refused as windowScale"])
    }
}
