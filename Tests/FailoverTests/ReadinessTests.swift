import StateMachine
import Testing

@testable import Failover

@Suite struct ReadinessTests {
    static func second(_ count: UInt64) -> Instant { .origin + .seconds(count) }

    @Test func `levels, files and scores stand in one order`() {
        let levels = Readiness.Level.allCases
        #expect(levels == levels.sorted())
        #expect(levels.map(\.trackFileValue) == levels.map(\.trackFileValue).sorted())
        #expect(Set(levels.map(\.trackFileValue)).count == levels.count)
        #expect(levels.map(\.promotionScore) == [nil, 10, 20, 90, 100])
    }

    @Test func `a node is in sync two seconds after its first bulk, not before`() {
        var readiness = Readiness(at: .origin)
        let first = readiness.synced(at: Self.second(1))
        #expect(first == nil && readiness.level == .neverSynced)
        #expect(readiness.nextDeadline == Self.second(3))
        let early = readiness.advance(to: Self.second(2))
        let due = readiness.advance(to: Self.second(3))
        #expect(early == nil && due == .inSync)
        #expect(readiness.nextDeadline == .never)
    }

    @Test func `a gap that is repaired within three seconds is never published`() {
        var readiness = Readiness(at: .origin)
        _ = readiness.synced(at: .origin)
        _ = readiness.advance(to: Self.second(2))
        for second in 3..<60 as Range<UInt64> {
            let lost = readiness.lostSync(at: Self.second(second))
            let back = readiness.synced(at: Self.second(second) + .milliseconds(900))
            #expect(lost == nil && back == nil)
        }
        let lost = readiness.lostSync(at: Self.second(60))
        let fallen = readiness.advance(to: Self.second(63))
        #expect(lost == nil && fallen == .resyncing)
    }

    @Test func `a node that gets no bulk says so after five tries and stops blocking`() {
        var readiness = Readiness(at: .origin)
        var published: [Readiness.Level] = []
        for second in 1...10 as ClosedRange<UInt64> {
            if let level = readiness.bulkFailed(at: Self.second(second)) { published.append(level) }
        }
        #expect(published == [.abandoned])
        #expect(readiness.level > .resyncing && readiness.level < .inSync)
        _ = readiness.synced(at: Self.second(20))
        let level = readiness.advance(to: Self.second(22))
        #expect(level == .inSync)
    }

    @Test func `a master reached or left and a fault count at once`() {
        var readiness = Readiness(at: .origin)
        let promoted = readiness.reached(.master, at: .origin)
        #expect(promoted == .master)
        let gap = readiness.lostSync(at: .origin)
        #expect(gap == nil && readiness.nextDeadline == .never)
        let demoted = readiness.reached(.backup, at: .origin)
        #expect(demoted == .resyncing)
        let failed = readiness.reached(.fault, at: .origin)
        #expect(failed == .neverSynced)
        let recovered = readiness.reached(.backup, at: .origin)
        #expect(recovered == nil)
    }

    @Test func `a restarted master keeps its level until it is resynced or half a minute has passed`() {
        var resynced = Readiness(kept: .master, at: .origin)
        var waiting = resynced
        var failing = resynced
        let early = waiting.advance(to: Self.second(29))
        let late = waiting.advance(to: Self.second(30))
        #expect(early == nil && late == .neverSynced)
        let synced = resynced.synced(at: Self.second(1))
        #expect(synced == .inSync)
        let failed = failing.reached(.fault, at: Self.second(1))
        #expect(failed == .neverSynced)
    }
}

@Suite struct PurgeScheduleTests {
    static func second(_ count: UInt64) -> Instant { .origin + .seconds(count) }

    static func armed(wait: UInt64) -> PurgeSchedule {
        var schedule = PurgeSchedule(wait: .seconds(wait))
        schedule.arm(ownTerm: 7, at: .origin)
        return schedule
    }

    @Test func `when no master answers the purge never comes`() {
        var schedule = Self.armed(wait: 60)
        let due = schedule.takeIfDue(twoMasters: false, at: .never)
        #expect(!due && schedule.nextDeadline == .never)
    }

    @Test(arguments: [(UInt64(8), true, true), (8, false, false), (7, true, false), (6, true, false)])
    func `only a master of a higher term that was in sync vouches`(term: UInt64, wasInSync: Bool, vouches: Bool) {
        var schedule = Self.armed(wait: 0)
        schedule.bulkEnded(ofTerm: term, wasInSync: wasInSync)
        let due = schedule.takeIfDue(twoMasters: false, at: .origin)
        #expect(due == vouches)
    }

    @Test func `it comes once, after the wait`() {
        var schedule = Self.armed(wait: 60)
        schedule.bulkEnded(ofTerm: 8, wasInSync: true)
        let early = schedule.takeIfDue(twoMasters: false, at: Self.second(59))
        #expect(!early && schedule.nextDeadline == Self.second(60))
        let due = schedule.takeIfDue(twoMasters: false, at: Self.second(60))
        let again = schedule.takeIfDue(twoMasters: false, at: Self.second(61))
        #expect(due && !again)
    }

    @Test func `sync lost, two masters and a promotion each hold it back`() {
        var schedule = Self.armed(wait: 0)
        schedule.bulkEnded(ofTerm: 8, wasInSync: true)
        let split = schedule.takeIfDue(twoMasters: true, at: .origin)
        schedule.lostSync()
        let behind = schedule.takeIfDue(twoMasters: false, at: .origin)
        schedule.bulkEnded(ofTerm: 8, wasInSync: true)
        schedule.cancel()
        let promoted = schedule.takeIfDue(twoMasters: false, at: .origin)
        #expect(!split && !behind && !promoted && schedule.state == .idle)
    }
}
