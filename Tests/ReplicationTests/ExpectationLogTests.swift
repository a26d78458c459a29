import Bytes
import Conntrack
import Testing

@testable import Replication

/// Expectations are entries of the same log as flows.
@Suite struct ExpectationLogTests {
    private static func expectation(_ number: UInt16, policy: UInt32 = 0) -> Conntrack.Expectation {
        let master = ChangeLogTests.flow(UInt32(number)).original
        var tuple = master.inverted
        tuple.destinationKey = number
        return Conntrack.Expectation(
            key: ExpectationKey(tuple: tuple, sourceMask: Address(ipv4: .max), sourceKeyMask: 0), master: master,
            timeout: 300, policy: policy)
    }

    private static func log() -> ChangeLog { ChangeLog(key: SipHash.Key(1, 2), digestKey: SipHash.Key(5, 6)) }

    @Test func `flows and expectations stand in one order of versions`() {
        var log = Self.log()
        let cursor = log.openCursor(atStart: false)
        log.observe(ChangeLogTests.flow(1), .all)
        log.observe(Self.expectation(1))
        log.observe(ChangeLogTests.flow(2), .all)
        log.observe(ChangeLogTests.flow(1, mark: 9), .all)
        var met: [String] = []
        while let change = log.peek(cursor) {
            switch change {
            case .flow(let entry): met.append("flow \(entry.version)")
            case .expectation(let entry): met.append("expectation \(entry.version)")
            }
            log.advance(cursor)
        }
        #expect(met == ["expectation 2", "flow 3", "flow 4"])
        #expect(log.flowCount == 2 && log.expectationCount == 1)
    }

    @Test func `a mere timeout is no change, another policy is one`() {
        var log = Self.log()
        let first = log.observe(Self.expectation(1))
        var later = Self.expectation(1)
        later.timeout = 200
        let second = log.observe(later)
        let third = log.observe(Self.expectation(1, policy: 1))
        #expect(first == .inserted && second == .refreshed && third == .changed)
        #expect(log.latestVersion == 2)
    }

    @Test func `what a round has not seen is destroyed, unless it came since`() {
        var log = Self.log()
        for number in 1...3 as ClosedRange<UInt16> { log.observe(Self.expectation(number)) }
        log.beginRound()
        let start = log.latestVersion
        log.observe(Self.expectation(2))
        log.observe(Self.expectation(4))
        let destroyed = log.destroyUnseenExpectations(unchangedSince: start)
        #expect(destroyed == 2 && log.expectationCount == 2)
        #expect(log.holds(Self.expectation(2).key) && log.holds(Self.expectation(4).key))
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `a peer that walks the log holds what the log holds, whatever is between`(seed: UInt64) {
        var chance = SplitMix(state: seed)
        var log = Self.log()
        let cursor = log.openCursor(atStart: false)
        var flows: [UInt32: UInt32] = [:]
        var expected: [UInt16: UInt32] = [:]
        var told: (flows: [UInt32: UInt32], expected: [UInt16: UInt32]) = ([:], [:])
        for step in 0..<2_000 {
            let number = UInt16.random(in: 1..<12, using: &chance)
            let value = UInt32.random(in: 0..<3, using: &chance)
            switch Int.random(in: 0..<8, using: &chance) {
            case 0, 1:
                log.observe(ChangeLogTests.flow(UInt32(number), mark: value), .all)
                flows[UInt32(number)] = value
            case 2:
                log.destroy(ChangeLogTests.flow(UInt32(number)).original)
                flows[UInt32(number)] = nil
            case 3, 4:
                log.observe(Self.expectation(number, policy: value))
                expected[number] = value
            case 5:
                log.destroy(Self.expectation(number).key)
                expected[number] = nil
            case 6:
                while let change = log.peek(cursor) {
                    switch change {
                    case .flow(let entry):
                        let name = UInt32(truncatingIfNeeded: entry.flow.original.source.low) - 0xc0a8_0a00
                        told.flows[name] = entry.state == .tombstone ? nil : entry.flow.mark
                    case .expectation(let entry):
                        told.expected[entry.expectation.key.tuple.destinationKey] =
                            entry.isTombstone ? nil : entry.expectation.policy
                    }
                    log.advance(cursor)
                }
                #expect(told.flows == flows, "seed \(seed) step \(step)")
                #expect(told.expected == expected, "seed \(seed) step \(step)")
            default:
                // Only what the peer has met may go.
                if log.peek(cursor) == nil { log.dropTombstones(upTo: log.latestVersion, limit: 1_000) }
            }
            #expect(log.flowCount == flows.count && log.expectationCount == expected.count, "seed \(seed) step \(step)")
        }
    }
}
