import Bytes
import Conntrack
import StateMachine
import Testing

@testable import Replication

@Suite struct ChangeLogTests {
    static func flow(_ number: UInt32, mark: UInt32 = 0) -> Flow {
        let original = Tuple(
            source: Address(ipv4: 0xc0a8_0a00 + number), destination: Address(ipv4: 0xcb00_710a), sourceKey: 1000,
            destinationKey: 80, family: .ipv4, protocol: .udp)
        return Flow(original: original, reply: original.inverted, status: [.confirmed], timeout: 30, mark: mark)
    }

    static func log() -> ChangeLog { ChangeLog(key: SipHash.Key(1, 2), digestKey: SipHash.Key(5, 6)) }

    /// What a cursor meets from where it stands, without moving it.
    private static func walk(_ log: inout ChangeLog, _ cursor: ChangeLog.Cursor) -> [ChangeLog.Entry] {
        var met: [ChangeLog.Entry] = []
        while let change = log.peek(cursor) {
            if case .flow(let entry) = change { met.append(entry) }
            log.advance(cursor)
        }
        return met
    }

    @Test func `a flow that changes ten times before it is sent is sent once`() {
        var log = Self.log()
        let cursor = log.openCursor(atStart: false)
        for mark in 1...10 { log.observe(Self.flow(1, mark: UInt32(mark)), .all) }
        let met = Self.walk(&log, cursor)
        #expect(met.map(\.flow.mark) == [10] && met.map(\.version) == [10])
    }

    @Test func `a mere refresh is no change`() {
        var log = Self.log()
        log.observe(Self.flow(1), .all)
        var refreshed = Self.flow(1)
        refreshed.timeout = 120
        let change = log.observe(refreshed, .all)
        #expect(change == .refreshed && log.latestVersion == 1)
    }

    @Test func `a delete and a new flow of the same tuple are one replacement`() {
        var log = Self.log()
        log.observe(Self.flow(1), .all)
        let cursor = log.openCursor(atStart: false)
        log.destroy(Self.flow(1).original)
        log.observe(Self.flow(1, mark: 7), .all)
        let met = Self.walk(&log, cursor)
        #expect(met.count == 1 && met[0].traits.contains(.replacement) && met[0].state == .live)
        #expect(log.flowCount == 1 && log.tombstones == 0)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `behaves like a dumb model under random changes, and a cursor meets all that it has not met`(seed: UInt64) {
        var chance = SplitMix(state: seed)
        for round in 0..<60 {
            var log = Self.log()
            var live: [UInt32: (mark: UInt32, version: UInt64)] = [:]
            var told: [UInt32: UInt32] = [:]
            let cursor = log.openCursor(atStart: false)
            for step in 0..<200 {
                let number = UInt32.random(in: 0..<20, using: &chance)
                switch Int.random(in: 0..<10, using: &chance) {
                case 0..<5:
                    let mark = UInt32.random(in: 0..<4, using: &chance)
                    let before = live[number]?.mark
                    log.observe(Self.flow(number, mark: mark), .all)
                    if before != mark { live[number] = (mark, log.latestVersion) }
                case 5..<7:
                    let destroyed = log.destroy(Self.flow(number).original)
                    #expect(destroyed == (live[number] != nil), "seed \(seed) round \(round) step \(step)")
                    live[number] = nil
                case 7:
                    // A peer that follows: what it is told, in order, makes its picture the log's.
                    for entry in Self.walk(&log, cursor) {
                        let told_ = UInt32(truncatingIfNeeded: entry.flow.original.source.low) - 0xc0a8_0a00
                        told[told_] = entry.state == .tombstone ? nil : entry.flow.mark
                    }
                    #expect(told == live.mapValues(\.mark), "seed \(seed) round \(round) step \(step)")
                case 8:
                    // Only tombstones that the peer has met may go.
                    for entry in Self.walk(&log, cursor) {
                        let met = UInt32(truncatingIfNeeded: entry.flow.original.source.low) - 0xc0a8_0a00
                        told[met] = entry.state == .tombstone ? nil : entry.flow.mark
                    }
                    log.dropTombstones(upTo: log.latestVersion, limit: 1_000)
                    #expect(log.tombstones == 0)
                default:
                    let start = log.openCursor(atStart: true)
                    let all = Self.walk(&log, start)
                    #expect(all.map(\.version) == all.map(\.version).sorted(), "seed \(seed) round \(round)")
                    #expect(all.filter { $0.state == .live }.count == live.count)
                    log.close(start)
                }
                #expect(log.flowCount == live.count, "seed \(seed) round \(round) step \(step)")
                var sums = DigestTable(key: log.digests.key)
                for (number, flow) in live { sums.add(Self.flow(number, mark: flow.mark), at: 0) }
                #expect(log.digests.total == sums.total && log.digests.buckets == sums.buckets, "seed \(seed)")
            }
        }
    }

    @Test func `a held destroy travels after its time, or not at all`() {
        var log = Self.log()
        for number in 1...3 { log.observe(Self.flow(UInt32(number)), .all) }
        let start = Instant.origin + .seconds(10)
        log.condemn(Self.flow(1).original, at: start)
        log.condemn(Self.flow(2).original, at: start + .milliseconds(500))
        #expect(log.flowCount == 3 && log.oldestCondemnation == start)
        let early = log.release(heldSince: start + .milliseconds(100), limit: 10)
        #expect(early == 1 && log.flowCount == 2)
        let pardoned = log.pardon()
        #expect(pardoned == 1 && log.flowCount == 2 && log.oldestCondemnation == nil)
    }

    @Test func `a flow that shows up again while its destroy is held lives on`() {
        var log = Self.log()
        log.observe(Self.flow(1), .all)
        log.condemn(Self.flow(1).original, at: .origin)
        log.observe(Self.flow(1, mark: 1), .all)
        let released = log.release(heldSince: .never, limit: 10)
        #expect(released == 0 && log.holds(Self.flow(1).original))
    }

    @Test func `tombstones are bounded, and what was dropped is known`() {
        var log = ChangeLog(key: SipHash.Key(1, 2), digestKey: SipHash.Key(5, 6), tombstoneLimit: 10)
        for number in 0..<30 {
            log.observe(Self.flow(UInt32(number)), .all)
            log.destroy(Self.flow(UInt32(number)).original)
        }
        #expect(log.tombstones == 10 && log.tombstoneFloor == 40)
    }

    @Test func `what a dump does not show is missing, unless it changed meanwhile`() {
        var log = Self.log()
        for number in 1...3 { log.observe(Self.flow(UInt32(number)), .all) }
        let version = log.latestVersion
        log.beginRound()
        log.observe(Self.flow(1), .all)
        log.observe(Self.flow(4), .all)
        let missing = (0..<log.slotLimit).filter { log.isMissing(at: $0, unchangedSince: version) }
        #expect(missing.count == 2)
    }
}

/// A small generator, so that a failing seed can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
