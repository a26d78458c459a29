import Bytes
import Conntrack
import Testing

@testable import Replication

@Suite struct ExternalCacheTests {
    static let flow = ChangeLogTests.flow(1)

    static func cache(limit: Int = 100) -> ExternalCache<Flow> {
        var cache = ExternalCache<Flow>(key: SipHash.Key(3, 4), limit: limit)
        // The first, second and third origin, in this order of rank.
        for term in 0..<3 as Range<UInt64> { _ = cache.open(origin(term)) }
        return cache
    }

    static func origin(_ term: UInt64) -> OriginRank { OriginRank(term: term, admission: 1) }

    /// (origin, version) held, (origin, version) told, whether it is applied; what is told again was meant all along.
    @Test(
        arguments: [
            (1, 5, 1, 6, true), (1, 5, 1, 5, true), (1, 5, 1, 4, false), (1, 5, 2, 1, true), (2, 1, 1, 9, false),
        ] as [(OriginID, UInt64, OriginID, UInt64, Bool)])
    func `the newer word counts, by origin and version`(
        origin: OriginID, version: UInt64, toldOrigin: OriginID, toldVersion: UInt64, isApplied: Bool
    ) {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: version, origin: origin, bulk: 0)
        var told = Self.flow
        told.mark = 9
        let outcome = cache.apply(told, version: toldVersion, origin: toldOrigin, bulk: 0)
        #expect(outcome == (isApplied ? .updated : .stale))
        #expect(cache.entry(of: Self.flow.original)?.flow.mark == (isApplied ? 9 : 0))
    }

    @Test func `a delete that comes first keeps the older flow out until nothing older can come`() {
        var cache = Self.cache()
        let first = cache.delete(Self.flow.original, version: 7, origin: 1)
        let late = cache.apply(Self.flow, version: 6, origin: 1, bulk: 0)
        #expect(first == .unknown && late == .stale && cache.count == 0)
        cache.forgetDeletes(upTo: 6, origin: 1, limit: 10)
        let still = cache.apply(Self.flow, version: 6, origin: 1, bulk: 0)
        #expect(still == .stale)
        let newer = cache.apply(Self.flow, version: 8, origin: 1, bulk: 0)
        #expect(newer == .inserted && cache.count == 1)
    }

    @Test func `a sweep takes what the bulk neither sent nor confirmed, and nothing newer than its end`() {
        var cache = Self.cache()
        for number in 1...4 {
            _ = cache.apply(ChangeLogTests.flow(UInt32(number)), version: UInt64(number), origin: 2, bulk: 1)
        }
        _ = cache.apply(ChangeLogTests.flow(5), version: 90, origin: 1, bulk: 7)
        // Bulk 2 ends at version 3: it confirms 1, does not name 2 and 3, and 4 came by the live walk.
        let confirmed = cache.apply(ChangeLogTests.flow(1), version: 1, origin: 2, bulk: 2)
        #expect(confirmed == .stale)
        let swept = (0..<cache.slotLimit).filter { cache.isSwept(at: $0, origin: 2, bulk: 2, bulkEnd: 3) }
        #expect(swept.compactMap { cache.entry(at: $0)?.version }.sorted() == [2, 3, 90])
    }

    @Test func `the limit holds`() {
        var cache = Self.cache(limit: 2)
        _ = cache.apply(ChangeLogTests.flow(1), version: 1, origin: 1, bulk: 0)
        _ = cache.apply(ChangeLogTests.flow(2), version: 2, origin: 1, bulk: 0)
        let third = cache.apply(ChangeLogTests.flow(3), version: 3, origin: 1, bulk: 0)
        #expect(third == .full && cache.count == 2)
    }

    @Test func `an origin of a higher term outranks, whoever was met first`() {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: 9, origin: 2, bulk: 1)
        let lower = cache.apply(Self.flow, version: 50, origin: 1, bulk: 1)
        #expect(lower == .stale && cache.entry(of: Self.flow.original)?.origin == 2)
        cache.raise(1, to: Self.origin(7))
        let higher = cache.apply(Self.flow, version: 3, origin: 1, bulk: 1)
        #expect(higher == .updated && cache.entry(of: Self.flow.original)?.version == 3)
        // What the other one says now is the past.
        let past = cache.delete(Self.flow.original, version: 60, origin: 2)
        #expect(past == .stale && cache.count == 1)
    }

    @Test func `a delete of one origin is forgotten by its own gap-free version alone`() {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: 4, origin: 0, bulk: 1)
        let removed = cache.delete(Self.flow.original, version: 8, origin: 2)
        #expect(removed == .removed)
        cache.forgetDeletes(upTo: 100, origin: 0, limit: 10)
        cache.forgetDeletes(upTo: 7, origin: 2, limit: 10)
        let late = cache.apply(Self.flow, version: 5, origin: 0, bulk: 1)
        #expect(late == .stale)
        cache.forgetDeletes(upTo: 8, origin: 2, limit: 10)
        let isKnown = cache.table.find(Self.flow.original) != nil
        #expect(!isKnown)
    }

    @Test func `origins come and go without end, and what they left stays`() {
        var cache = Self.cache(limit: 1_000)
        var open: OriginID?
        for number in 1...200 as ClosedRange<UInt32> {
            if let open { cache.close(open) }
            let next = cache.open(OriginRank(term: 9, admission: UInt64(number)))
            _ = cache.apply(ChangeLogTests.flow(number), version: 1, origin: next, bulk: 1)
            open = next
        }
        #expect(cache.count == 200)
        let newest = cache.entry(of: ChangeLogTests.flow(200).original)?.origin ?? 0
        let outranked = (1...199 as ClosedRange<UInt32>).allSatisfy {
            let held = cache.entry(of: ChangeLogTests.flow($0).original)?.origin ?? newest
            return cache.origins.rank(newest, isAbove: held)
        }
        #expect(outranked)
    }

    @Test func `who leads after a silent one of the same term has the last word`() {
        var cache = Self.cache()
        let silent = cache.open(OriginRank(term: 4, admission: 3))
        _ = cache.apply(Self.flow, version: 9, origin: silent, bulk: 1)
        cache.close(silent)
        cache.raise(1, to: OriginRank(term: 4, admission: 2))
        let isSweptBefore = cache.isSwept(at: 0, origin: 1, bulk: 1, bulkEnd: 1)
        cache.raise(1, to: OriginRank(term: 4, admission: 4))
        let isSwept = cache.isSwept(at: 0, origin: 1, bulk: 1, bulkEnd: 1)
        #expect(!isSweptBefore && isSwept)
    }

    @Test func `what was taken out is not made anew by an older word, and is by a bulk that tells it again`() {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: 7, origin: 1, bulk: 1)
        cache.takeOut(at: 0, gapFree: 6)
        let late = cache.apply(Self.flow, version: 6, origin: 1, bulk: 1)
        #expect(late == .stale && cache.count == 0)
        let again = cache.apply(Self.flow, version: 7, origin: 1, bulk: 2)
        #expect(again == .inserted && cache.count == 1)
        // Without a gap below it no older word can come.
        cache.takeOut(at: 0, gapFree: 7)
        let isKnown = cache.table.find(Self.flow.original) != nil
        #expect(!isKnown)
    }
}
