import Bytes
import Conntrack
import Testing

@testable import Replication

/// How entries of a hot standby's external cache stand to its kernel.
@Suite struct CopyTests {
    static func cache() -> ExternalCache<Flow> {
        var cache = ExternalCache<Flow>(key: .init(1, 2), limit: 1_000, isHot: true)
        _ = cache.open(OriginRank(term: 1, admission: 1))
        return cache
    }

    static let flow = ChangeLogTests.flow(1)

    /// The macro would copy a cache.
    static func expect(_ holds: Bool, at place: SourceLocation = #_sourceLocation) {
        #expect(holds, sourceLocation: place)
    }

    @Test func `what is told is due once, and held when it is written`() {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: 1, origin: 0, bulk: 1)
        Self.expect(cache.hasDueCopies)
        let slot = cache.nextDue(looking: 100)
        Self.expect(slot == 0 && cache.nextDue(looking: 100) == nil && cache.unwrittenSlots() == [0])
        cache.hold(0)
        Self.expect(cache.copies?.count == 1 && cache.unwrittenSlots().isEmpty)
        Self.expect(cache.heldCopy(of: Self.flow.original) == 0)
    }

    /// What changes, whether the copy is due, and whether it is made anew.
    @Test(arguments: [("timeout", false, false), ("mark", true, false), ("reply", true, true)])
    func `another word makes a held copy due if the kernel cares`(what: String, isDue: Bool, isAnew: Bool) {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: 1, origin: 0, bulk: 1)
        _ = cache.nextDue(looking: 100)
        cache.hold(0)
        var told = Self.flow
        switch what {
        case "timeout": told.timeout += 100
        case "mark": told.mark += 1
        default: told.reply.destinationKey += 1
        }
        _ = cache.apply(told, version: 2, origin: 0, bulk: 1)
        Self.expect(cache.hasDueCopies == isDue)
        Self.expect(cache.copy(at: 0)?.contains(.isOutdated) == isAnew)
        Self.expect(cache.copy(at: 0)?.contains(.isHeld) == true)
    }

    @Test func `what the kernel dropped is due again, and what ended is no copy`() {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: 1, origin: 0, bulk: 1)
        _ = cache.nextDue(looking: 100)
        cache.hold(0)
        cache.lose(0, again: true)
        Self.expect(cache.copies?.count == 0 && cache.nextDue(looking: 100) == 0)
        cache.hold(0)
        _ = cache.delete(Self.flow.original, version: 2, origin: 0)
        Self.expect(cache.copies?.count == 0 && cache.heldCopy(of: Self.flow.original) == nil && !cache.hasDueCopies)
    }

    @Test func `a copy that packets pass is as good as it can be`() {
        var cache = Self.cache()
        _ = cache.apply(Self.flow, version: 1, origin: 0, bulk: 1)
        _ = cache.nextDue(looking: 100)
        cache.hold(0)
        cache.carry(Self.flow.original)
        var told = Self.flow
        told.mark += 1
        _ = cache.apply(told, version: 2, origin: 0, bulk: 1)
        Self.expect(cache.unwrittenSlots().isEmpty)
        // The addresses are elsewhere again: its windows are old.
        cache.outdateCopies()
        Self.expect(cache.unwrittenSlots() == [0] && cache.nextDue(looking: 100) == 0)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `what is not written is counted along, whatever happens`(seed: UInt64) {
        var chance = SplitMix(state: seed)
        var cache = Self.cache()
        for version in 1...2_000 as ClosedRange<UInt64> {
            let number = UInt32.random(in: 0..<20, using: &chance)
            var flow = ChangeLogTests.flow(number)
            let slot = cache.slot(of: flow.original)
            switch Int.random(in: 0..<12, using: &chance) {
            case 0, 1, 2:
                flow.mark = UInt32.random(in: 0..<3, using: &chance)
                flow.reply.destinationKey += UInt16.random(in: 0..<2, using: &chance)
                _ = cache.apply(flow, version: version, origin: 0, bulk: 1)
            case 3: _ = cache.delete(flow.original, version: version, origin: 0)
            case 4, 5, 6: if let due = cache.nextDue(looking: 100) { cache.hold(due) }
            case 7: if let slot { cache.lose(slot, again: Bool.random(using: &chance)) }
            case 8: cache.carry(flow.original)
            case 9: if let slot { cache.outdate(slot) }
            case 10: if let slot { cache.takeOut(at: slot, gapFree: version - min(version, 5)) }
            default: if Int.random(in: 0..<20, using: &chance) == 0 { cache.outdateCopies() }
            }
            let unwritten = (0..<cache.slotLimit).filter { cache.copy(at: $0)?.isClean == false }
            Self.expect(cache.copies?.unwritten == unwritten.count)
            Self.expect(cache.unwrittenSlots() == unwritten)
        }
    }

    @Test func `a dump tells which copies are gone, however often it begins anew`() {
        var cache = Self.cache()
        for number in 0..<2 as Range<UInt32> {
            _ = cache.apply(ChangeLogTests.flow(number), version: UInt64(number) + 1, origin: 0, bulk: 1)
        }
        while let slot = cache.nextDue(looking: 100) { cache.hold(slot) }
        cache.beginRound()
        cache.beginRound()
        let isKnown = cache.see(ChangeLogTests.flow(0).original)
        Self.expect(isKnown && !cache.isUnseen(0) && cache.isUnseen(1))
    }

    @Test func `more than the queue holds are found by a walk`() {
        var cache = ExternalCache<Flow>(key: .init(1, 2), limit: 200_000, isHot: true)
        _ = cache.open(OriginRank(term: 1, admission: 1))
        for number in 0..<131_100 as Range<UInt32> {
            _ = cache.apply(ChangeLogTests.flow(number), version: UInt64(number) + 1, origin: 0, bulk: 1)
        }
        var met = 0
        while cache.hasDueCopies { if let slot = cache.nextDue(looking: 65_536) { cache.hold(slot); met += 1 } }
        Self.expect(met == 131_100 && cache.copies?.count == 131_100)
    }
}
