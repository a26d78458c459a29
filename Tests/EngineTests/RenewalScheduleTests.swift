import Conntrack
import StateMachine
import Testing

@testable import Engine

/// The table above `RenewalSchedule`, row by row.
@Suite struct RenewalScheduleTests {
    private let start = Instant.origin + .seconds(1_000)
    private let timeouts = ProtocolTimeouts()

    @Test func `a commit brings the first look a quarter of the full timeout later`() {
        var schedule = RenewalSchedule()
        #expect(schedule.nextDeadline == .never)
        schedule.arm(timeouts: timeouts, at: start)
        #expect(schedule.nextDeadline == start + .seconds(45))
        schedule.arm(timeouts: timeouts, at: start + .seconds(40))
        #expect(schedule.nextDeadline == start + .seconds(45), "another commit does not put it off")
        schedule.beginIfDue(at: start + .seconds(44))
        #expect(!schedule.isRunning)
        schedule.beginIfDue(at: start + .seconds(45))
        #expect(schedule.isRunning && schedule.slot == 0)
    }

    @Test func `a look that met an entry is followed by another, one that met none is the last`() {
        var schedule = RenewalSchedule()
        schedule.arm(timeouts: timeouts, at: start)
        schedule.beginIfDue(at: start + .seconds(45))
        schedule.met = 1
        schedule.end(timeouts: timeouts, at: start + .seconds(46))
        #expect(!schedule.isRunning && schedule.nextDeadline == start + .seconds(91))
        schedule.beginIfDue(at: start + .seconds(91))
        schedule.end(timeouts: timeouts, at: start + .seconds(91))
        #expect(schedule.nextDeadline == .never)
    }

    @Test func `a first reply brings the look at once, a demotion none`() {
        var schedule = RenewalSchedule()
        schedule.arm(timeouts: timeouts, at: start)
        schedule.hurry(at: start + .seconds(3))
        schedule.beginIfDue(at: start + .seconds(3))
        #expect(schedule.isRunning)
        schedule.cancel()
        #expect(!schedule.isRunning && schedule.nextDeadline == .never)
    }
}
