import StateMachine
import Testing

@testable import Failover

/// One input of the role state machine, so that tables and random runs can name it.
enum RoleInput: Equatable, Sendable {
    case promote(inSync: Bool)
    case demote
    case fail
    case dumpDone(truth: Role?)
    case finished(UInt64)
    case failed(UInt64)
    case recallFinished
    case claim(peer: UInt64, term: UInt64)
    case notMaster(peer: UInt64, term: UInt64)
    case lost(peer: UInt64)
    case advance
}

extension RoleStateMachine {
    mutating func take(_ input: RoleInput, at now: Instant) -> ActionList<RoleAction> {
        switch input {
        case .promote(let inSync): promote(inSync: inSync, at: now)
        case .demote: demote(at: now)
        case .fail: fail(at: now)
        case .dumpDone(let truth): dumpDone(truth: truth, at: now)
        case .finished(let generation):
            commitFinished(CommitTally(flows: 9, failed: 0), generation: generation, at: now)
        case .failed(let generation): commitFailed(CommitTally(flows: 4, failed: 5), generation: generation, at: now)
        case .recallFinished: recallFinished(at: now)
        case .claim(let peer, let term): peerClaimsMaster(peer, term: term, at: now)
        case .notMaster(let peer, let term): peerIsNotMaster(peer, term: term, at: now)
        case .lost(let peer): peerLost(peer, at: now)
        case .advance: advance(to: now)
        }
    }

    /// A machine that has taken these inputs, all at the origin of the clock; the stored term is 6.
    static func after(_ inputs: RoleInput...) -> RoleStateMachine {
        var machine = RoleStateMachine(storedTerm: 6, at: .origin)
        for input in inputs { _ = machine.take(input, at: .origin) }
        return machine
    }
}

@Suite struct RoleStateMachineTests {
    static let backup = RoleStateMachine.after(.dumpDone(truth: .backup))
    static let fault = RoleStateMachine.after(.dumpDone(truth: .fault))
    static let takingOver = RoleStateMachine.after(.dumpDone(truth: .backup), .promote(inSync: true))
    static let takingOverUnsynced = RoleStateMachine.after(.dumpDone(truth: .backup), .promote(inSync: false))
    static let master = RoleStateMachine.after(.dumpDone(truth: .backup), .promote(inSync: true), .finished(1))
    static let second = Instant.origin + .seconds(1)

    /// A row of the table in the type's comment.
    struct Row: CustomTestStringConvertible, Sendable {
        let before: RoleStateMachine
        let input: RoleInput
        let actions: [RoleAction]
        let after: String
        var testDescription: String { "\(before.state.reportName) on \(input)" }

        init(_ before: RoleStateMachine, _ input: RoleInput, _ actions: [RoleAction], _ after: String) {
            self.before = before
            self.input = input
            self.actions = actions
            self.after = after
        }
    }

    static let started: [RoleAction] = [.resyncInternal, .hello, .requestBulk]
    static let takeover: [RoleAction] = [.cancelPurge, .takeTerm(7), .commit(generation: 1)]

    static func stepDown(to role: Role) -> [RoleAction] {
        [
            .cancelCommit(generation: 1), .sendUnsent, .requestResync, .armPurge(ownTerm: 7), .setReadiness(role),
        ]
    }

    static func result(_ succeeded: Bool, inSync: Bool) -> RoleAction {
        .publishResult(
            TakeoverResult(
                succeeded: succeeded, tally: CommitTally(flows: succeeded ? 9 : 4, failed: succeeded ? 0 : 5),
                duration: .seconds(1), inSync: inSync, tries: 0))
    }

    static let rows = [
        Row(.after(), .promote(inSync: true), [], "starting"),
        Row(.after(), .demote, [], "starting"),
        Row(.after(), .fail, [], "starting"),
        Row(.after(), .dumpDone(truth: nil), started + [.setReadiness(.backup)], "backup"),
        Row(.after(), .dumpDone(truth: .backup), started + [.setReadiness(.backup)], "backup"),
        Row(.after(), .dumpDone(truth: .fault), started + [.setReadiness(.fault)], "fault"),
        Row(.after(), .dumpDone(truth: .master), started + takeover, "taking-over"),
        Row(.after(.fail, .promote(inSync: true)), .dumpDone(truth: nil), started + takeover, "taking-over"),
        Row(.after(.promote(inSync: true), .fail), .dumpDone(truth: nil), started + [.setReadiness(.fault)], "fault"),
        Row(
            .after(.promote(inSync: true)), .dumpDone(truth: .backup), started + [.setReadiness(.backup)], "backup"),
        Row(.after(), .finished(0), [], "starting"),

        Row(backup, .promote(inSync: true), takeover, "taking-over"),
        Row(backup, .demote, [.checkTruth], "backup"),
        Row(backup, .fail, [.setReadiness(.fault)], "fault"),
        Row(backup, .dumpDone(truth: .master), [], "backup"),
        Row(backup, .finished(1), [], "backup"),
        Row(backup, .failed(1), [], "backup"),
        Row(backup, .recallFinished, [], "backup"),

        Row(
            takingOver, .finished(1),
            [
                .announceMaster(inSync: true), .bulk, result(true, inSync: true), .restoreTimeouts(generation: 1),
                .setReadiness(.master),
            ], "master"),
        Row(
            takingOverUnsynced, .finished(1),
            [
                .announceMaster(inSync: false), .recall, result(true, inSync: false), .restoreTimeouts(generation: 1),
                .setReadiness(.master),
            ], "master"),
        Row(
            takingOver, .failed(1),
            [
                .announceMaster(inSync: false), .bulk, result(false, inSync: true), .restoreTimeouts(generation: 1),
                .setReadiness(.master),
            ], "master"),
        Row(takingOver, .finished(0), [], "taking-over"),
        Row(takingOver, .finished(2), [], "taking-over"),
        Row(takingOver, .promote(inSync: true), [.checkTruth], "taking-over"),
        Row(takingOver, .demote, stepDown(to: .backup), "backup"),
        Row(takingOver, .fail, stepDown(to: .fault), "fault"),

        Row(master, .demote, stepDown(to: .backup), "backup"),
        Row(master, .fail, stepDown(to: .fault), "fault"),
        Row(master, .promote(inSync: true), [.checkTruth], "master"),
        Row(master, .dumpDone(truth: .backup), [], "master"),
        Row(master, .finished(1), [], "master"),

        Row(fault, .demote, [.resyncInternal, .requestBulk, .setReadiness(.backup)], "backup"),
        Row(fault, .promote(inSync: true), takeover, "taking-over"),
        Row(fault, .fail, [.checkTruth], "fault"),

        Row(backup, .claim(peer: 2, term: 7), [], "backup"),
        Row(master, .claim(peer: 2, term: 7), [], "master"),
    ]

    @Test(arguments: rows) func `the table`(row: Row) {
        var machine = row.before
        let actions = machine.take(row.input, at: Self.second)
        #expect(Array(actions) == row.actions)
        #expect(machine.state.reportName == row.after)
        let changed = row.before.state.reportName != row.after
        #expect(machine.since == (changed ? Self.second : .origin))
    }

    @Test func `a commit cancelled half way never makes a master, and the next one is not taken for it`() {
        var machine = Self.takingOver
        _ = machine.demote(at: Self.second)
        let late = machine.take(.finished(1), at: Self.second)
        #expect(late.isEmpty && machine.state == .backup)
        let again = machine.promote(inSync: true, at: Self.second)
        #expect(Array(again) == [.cancelPurge, .takeTerm(8), .commit(generation: 2)])
        let later = machine.take(.finished(1), at: Self.second)
        #expect(later.isEmpty && machine.state.reportName == "taking-over")
        _ = machine.take(.finished(2), at: Self.second)
        #expect(machine.state.reportName == "master")
    }

    @Test func `an unsynced master sends its bulk after the recall, or when nobody answers it`() {
        var answered = RoleStateMachine.after(.dumpDone(truth: .master), .finished(1))
        var unanswered = answered
        let bulk = answered.recallFinished(at: Self.second)
        #expect(Array(bulk) == [.bulk])
        let again = answered.recallFinished(at: Self.second)
        #expect(again.isEmpty)
        let limit = Instant.origin + RoleStateMachine.recallLimit
        let early = unanswered.advance(to: Self.second)
        #expect(early.isEmpty)
        let late = unanswered.advance(to: limit)
        #expect(late.contains(.bulk))
        let answer = unanswered.recallFinished(at: limit)
        #expect(answer.isEmpty)
    }

    @Test func `strict windows come back once, two seconds after the commit`() {
        var machine = Self.master
        #expect(machine.nextDeadline == .origin + RoleStateMachine.liberalSpan)
        let due = machine.advance(to: machine.nextDeadline)
        #expect(Array(due) == [.restoreStrictWindows(generation: 1)])
        #expect(machine.nextDeadline == .never)
    }

    @Test func `a failed commit is retried a bounded number of times, each with a generation of its own`() {
        var machine = RoleStateMachine.after(.dumpDone(truth: .backup), .promote(inSync: true), .failed(1))
        var now = Instant.origin
        var retries: [RoleAction] = []
        for _ in 0..<10 {
            now = now + .seconds(1)
            for case .retryCommit(let generation) in machine.advance(to: now) {
                retries.append(.retryCommit(generation: generation))
                let stale = machine.take(.failed(generation - 1), at: now)
                #expect(stale.isEmpty)
                let announced = machine.take(.failed(generation), at: now).contains(.announceMaster(inSync: true))
                #expect(!announced)
            }
        }
        #expect(retries == (2...4).map { .retryCommit(generation: $0) })
        #expect(machine.state.reportName == "master")
    }

    @Test func `a retry that succeeds makes the announcement whole; a demotion ends it`() throws {
        var machine = RoleStateMachine.after(.dumpDone(truth: .backup), .promote(inSync: true), .failed(1))
        _ = machine.advance(to: Self.second)
        var demoted = machine
        let actions = machine.take(.finished(2), at: Self.second)
        #expect(actions.contains(.announceMaster(inSync: true)))
        let ending = demoted.demote(at: Self.second)
        #expect(ending.contains(.cancelCommit(generation: 2)))
        let late = demoted.take(.finished(2), at: Self.second)
        #expect(late.isEmpty)
    }
}
