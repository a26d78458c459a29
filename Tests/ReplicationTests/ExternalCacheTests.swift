import Bytes
import Conntrack
import Testing

@testable import Replication

@Suite struct ExternalCacheTests {
    static let flow = ChangeLogTests.flow(1)

    static func cache(limit: Int = 100) -> ExternalCache<Flow> {
        ExternalCache<Flow>(key: SipHash.Key(3, 4), limit: limit)
    }

    /// (era, version) held, (era, version) told, whether it is applied; what is told again was meant all along.
    @Test(
        arguments: [
            (1, 5, 1, 6, true), (1, 5, 1, 5, true), (1, 5, 1, 4, false), (1, 5, 2, 1, true), (2, 1, 1, 9, false),
        ] as [(UInt32, UInt64, UInt32, UInt64, Bool)])
    func `the newer word counts, by era and version`(
        era: UInt32, version: UInt64, toldEra: UInt32, toldVersion: UInt64, isApplied: Bool
    ) {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: version, era: era, bulk: 0)
        var told = Self.flow
        told.mark = 9
        let outcome = cache.apply(told, version: toldVersion, era: toldEra, bulk: 0)
        #expect(outcome == (isApplied ? .updated : .stale))
        #expect(cache.entry(of: Self.flow.original)?.flow.mark == (isApplied ? 9 : 0))
    }

    @Test func `a delete that comes first keeps the older flow out until nothing older can come`() {
        var cache = Self.cache()
        let first = cache.delete(Self.flow.original, version: 7, era: 1)
        let late = cache.apply(Self.flow, version: 6, era: 1, bulk: 0)
        #expect(first == .unknown && late == .stale && cache.count == 0)
        cache.forgetDeletes(upTo: 6, era: 1, limit: 10)
        let still = cache.apply(Self.flow, version: 6, era: 1, bulk: 0)
        #expect(still == .stale)
        let newer = cache.apply(Self.flow, version: 8, era: 1, bulk: 0)
        #expect(newer == .inserted && cache.count == 1)
    }

    @Test func `a sweep takes what the bulk neither sent nor confirmed, and nothing newer than its end`() {
        var cache = Self.cache()
        for number in 1...4 {
            _ = cache.apply(ChangeLogTests.flow(UInt32(number)), version: UInt64(number), era: 2, bulk: 1)
        }
        _ = cache.apply(ChangeLogTests.flow(5), version: 90, era: 1, bulk: 7)
        // Bulk 2 ends at version 3: it confirms 1, does not name 2 and 3, and 4 came by the live walk.
        let confirmed = cache.apply(ChangeLogTests.flow(1), version: 1, era: 2, bulk: 2)
        #expect(confirmed == .stale)
        let swept = (0..<cache.slotLimit).filter { cache.isSwept(at: $0, era: 2, bulk: 2, bulkEnd: 3) }
        #expect(swept.compactMap { cache.entry(at: $0)?.version }.sorted() == [2, 3, 90])
    }

    @Test func `the limit holds`() {
        var cache = Self.cache(limit: 2)
        _ = cache.apply(ChangeLogTests.flow(1), version: 1, era: 1, bulk: 0)
        _ = cache.apply(ChangeLogTests.flow(2), version: 2, era: 1, bulk: 0)
        let third = cache.apply(ChangeLogTests.flow(3), version: 3, era: 1, bulk: 0)
        #expect(third == .full && cache.count == 2)
    }
}
