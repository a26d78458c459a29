import StateMachine
import Testing

@testable import Agent

@Suite struct RecentLossTests {
    /// Seconds since the beginning, and the counters then.
    private typealias Row = (at: UInt64, lost: UInt64, received: UInt64)

    private func perMille(_ rows: [Row]) -> UInt32? {
        var loss = RecentLoss()
        for row in rows {
            loss.take(lost: row.lost, received: row.received, at: .origin + .seconds(row.at))
        }
        return loss.perMille
    }

    @Test func `little says nothing`() {
        #expect(perMille([]) == nil)
        #expect(perMille([(0, 5, 500)]) == nil)
        #expect(perMille([(0, 0, 0), (10, 1, 18)]) == nil)
    }

    @Test func `a share of what came since the first sample`() {
        #expect(perMille([(0, 100, 1_000), (10, 100, 1_100)]) == 0)
        #expect(perMille([(0, 100, 1_000), (10, 110, 1_090)]) == 100)
    }

    @Test func `what is older than a minute no longer counts`() {
        var rows: [Row] = [(0, 0, 0), (10, 500, 500)]
        for second in stride(from: UInt64(20), through: 60, by: 10) { rows.append((second, 500, 500 + second * 10)) }
        #expect((perMille(rows) ?? 0) > 300)
        for second in stride(from: UInt64(70), through: 130, by: 10) { rows.append((second, 500, 500 + second * 10)) }
        #expect(perMille(rows) == 0)
    }

    @Test func `samples that come too fast are left out, late datagrams take from the count`() {
        #expect(perMille([(0, 10, 100), (1, 90, 200), (2, 90, 300)]) == nil)
        #expect(perMille([(0, 10, 100), (10, 8, 200)]) == 0)
    }

    @Test func `a new incarnation begins anew`() {
        #expect(perMille([(0, 0, 100), (10, 500, 600), (20, 0, 700)]) == nil)
        #expect(perMille([(0, 0, 100), (10, 500, 600), (20, 0, 700), (30, 0, 800)]) == 0)
    }
}
