import Bytes
import Conntrack
import Testing

@testable import Replication

/// Digests of logs and caches, kept as flows come and go.
@Suite struct DigestTests {
    private static let key = SipHash.Key(5, 6)

    private static func log() -> ChangeLog { ChangeLog(key: SipHash.Key(1, 2), digestKey: key) }

    private static func cache() -> ExternalCache<Flow> {
        var cache = ExternalCache<Flow>(key: SipHash.Key(3, 4), limit: 1_000)
        let origin = cache.open(ExternalCacheTests.origin(1))
        cache.follow(origin, key: key)
        return cache
    }

    @Test func `a log and a cache that hold the same come to the same, in whatever order`() {
        var log = Self.log()
        var cache = Self.cache()
        for number in 0..<UInt32(100) { log.observe(ChangeLogTests.flow(number), .all) }
        for number in (0..<UInt32(100)).reversed() {
            _ = cache.apply(ChangeLogTests.flow(number), version: UInt64(number) + 1, origin: 0, bulk: 1)
        }
        #expect(cache.digests?.buckets == log.digests.buckets)
        log.destroy(ChangeLogTests.flow(7).original)
        #expect(cache.digests?.total != log.digests.total)
        _ = cache.delete(ChangeLogTests.flow(7).original, version: 101, origin: 0)
        #expect(cache.digests?.total == log.digests.total)
        // A timeout is no difference, a mark is one.
        var later = ChangeLogTests.flow(8)
        later.timeout = 77
        log.observe(later, .all)
        #expect(cache.digests?.total == log.digests.total)
        log.observe(ChangeLogTests.flow(8, mark: 5), .all)
        #expect(cache.digests?.total != log.digests.total)
    }

    @Test func `another key, other digests and other buckets`() {
        let flow = ChangeLogTests.flow(1)
        let buckets = Set((0..<64).map { DigestTable(key: SipHash.Key($0, 1)).bucket(of: flow.original) })
        #expect(buckets.count > 40)
        #expect(flow.digest(SipHash.Key(1, 1)) != flow.digest(SipHash.Key(1, 2)))
    }

    @Test func `a key that comes late is made up for by an audit, while flows come and go`() {
        var cache = ExternalCache<Flow>(key: SipHash.Key(3, 4), limit: 1_000)
        let origin = cache.open(ExternalCacheTests.origin(1))
        for number in 0..<UInt32(50) {
            _ = cache.apply(ChangeLogTests.flow(number), version: UInt64(number) + 1, origin: 0, bulk: 1)
        }
        cache.follow(origin, key: Self.key)
        let begins = cache.isAddingUp
        #expect(begins)
        _ = cache.audit(slots: 20)
        _ = cache.delete(ChangeLogTests.flow(3).original, version: 100, origin: 0)
        _ = cache.delete(ChangeLogTests.flow(40).original, version: 101, origin: 0)
        _ = cache.apply(ChangeLogTests.flow(4, mark: 9), version: 102, origin: 0, bulk: 1)
        _ = cache.apply(ChangeLogTests.flow(41, mark: 9), version: 103, origin: 0, bulk: 1)
        while cache.isAddingUp { _ = cache.audit(slots: 20) }
        var sums = DigestTable(key: Self.key)
        for number in 0..<UInt32(50) where number != 3 && number != 40 {
            sums.add(ChangeLogTests.flow(number, mark: number == 4 || number == 41 ? 9 : 0), at: 0)
        }
        #expect(cache.digests?.total == sums.total)
    }

    @Test func `stored bytes that change by accident are found by an audit, and only then`() {
        var log = Self.log()
        for number in 0..<UInt32(300) { log.observe(ChangeLogTests.flow(number), .all) }
        var first: [Int] = []
        repeat { first += log.audit(slots: 64) } while log.digests.nextAuditSlot != nil
        #expect(first.isEmpty)
        let before = log.digests.total
        var stored = log.table.subject(at: 77)
        stored.mark ^= 0x10
        log.table.replace(at: 77, by: stored)
        #expect(log.digests.total == before)
        var second: [Int] = []
        repeat { second += log.audit(slots: 64) } while log.digests.nextAuditSlot != nil
        #expect(second == [log.digests.bucket(of: stored.original)])
        #expect(log.digests.total != before)
    }

    @Test func `told again with the same version, what is stored gives way to what was meant`() {
        var cache = Self.cache()
        let flow = ChangeLogTests.flow(1)
        _ = cache.apply(flow, version: 5, origin: 0, bulk: 1)
        let meant = cache.digests?.total
        let slot = cache.table.find(flow.original) ?? 0
        var stored = flow
        stored.mark = 99
        cache.table.replace(at: slot, by: stored)
        while true {
            _ = cache.audit(slots: 100)
            if cache.digests?.nextAuditSlot == nil { break }
        }
        #expect(cache.digests?.total != meant)
        let outcome = cache.apply(flow, version: 5, origin: 0, bulk: 2)
        #expect(outcome == .updated && cache.digests?.total == meant)
    }

    @Test func `a set of buckets holds what was put in`() {
        var set = BucketSet()
        for bucket in [0, 63, 64, 4_095] { set.insert(bucket) }
        #expect(set.count == 4 && set.contains(63) && !set.contains(62) && set.contains(4_095))
    }

    @Test func `digests cover the leader alone, and what is confirmed becomes its own`() {
        var cache = Self.cache()
        let other = cache.open(ExternalCacheTests.origin(0))
        for number in 0..<UInt32(10) {
            _ = cache.apply(ChangeLogTests.flow(number), version: 1, origin: number < 5 ? 0 : other, bulk: 1)
        }
        var sums = DigestTable(key: Self.key)
        for number in 0..<UInt32(5) { sums.add(ChangeLogTests.flow(number), at: 0) }
        #expect(cache.digests?.buckets == sums.buckets)
        for slot in 0..<cache.slotLimit { cache.confirm(at: slot, origin: 0, bulk: 2) }
        for number in 5..<UInt32(10) { sums.add(ChangeLogTests.flow(number), at: 0) }
        #expect(cache.digests?.buckets == sums.buckets && cache.origins.entries(of: other) == 0)
        var audited: [Int] = []
        repeat { audited += cache.audit(slots: 4) } while cache.digests?.nextAuditSlot != nil
        #expect(audited.isEmpty && cache.count == 10)
    }
}
