import Testing

@testable import Replication

@Suite struct PaceTests {
    @Test func `what went to others does not count, and an acknowledgement counts to its mark`() {
        var pace = Pace()
        // Every third datagram is for this peer.
        for number in 1...90 as ClosedRange<UInt64> where number % 3 == 0 { pace.send(number) }
        #expect(pace.outstanding == 30)
        pace.acknowledge(50)
        // The last mark up to 50 stands at the sixteenth datagram, sequence 48.
        #expect(pace.outstanding == 14)
        pace.acknowledge(20)
        #expect(pace.outstanding == 14)
        pace.acknowledge(90)
        #expect(pace.outstanding == 0)
    }

    @Test func `marks are few however much is sent, and an old acknowledgement is no harm`() {
        var pace = Pace()
        for number in 1...10_000 as ClosedRange<UInt64> { pace.send(number) }
        pace.acknowledge(3)
        #expect(pace.outstanding == 10_000)
        pace.acknowledge(9_999)
        #expect(pace.outstanding < 16)
        pace.forgive()
        #expect(pace.outstanding == 0)
    }
}
