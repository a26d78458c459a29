import StateMachine
import Testing

@testable import Failover

@Suite struct TermTests {
    static func instant(milliseconds: UInt64) -> Instant { .origin + .milliseconds(milliseconds) }

    @Test func `a new term is above everything heard, taken and stored`() {
        var terms = TermLedger(stored: 4)
        #expect(terms.takeNext() == 5)
        #expect(terms.hear(9) == .equalOrHigher)
        #expect(terms.hear(3) == .lower)
        #expect(terms.takeNext() == 10 && terms.own == 10)
        #expect(terms.hear(10) == .equalOrHigher)
    }

    @Test func `no single datagram can use up the terms`() {
        var terms = TermLedger(stored: 1)
        #expect(terms.hear(.max) == .implausible)
        #expect(terms.hear(1 + TermLedger.maximumJump + 1) == .implausible)
        #expect(terms.takeNext() == 2)
        var last = TermLedger(stored: .max)
        #expect(last.takeNext() == .max)
    }

    @Test func `an implausible term is reported and the claim still counts`() {
        var machine = RoleStateMachineTests.master
        let actions = machine.peerClaimsMaster(2, term: .max, at: .origin)
        #expect(Array(actions) == [.reportImplausibleTerm(peer: 2, term: .max)])
        #expect(machine.twoMasters?.peer == 2)
    }

    @Test(arguments: [(UInt64(7), true), (8, true), (6, false), (0, false)])
    func `a master that hears its term or a higher one from a node that is not master goes above it`(
        term: UInt64, renews: Bool
    ) {
        var machine = RoleStateMachineTests.master
        let actions = machine.peerIsNotMaster(2, term: term, at: .origin)
        #expect(
            Array(actions)
                == (renews ? [.takeTerm(max(term, 7) + 1), .announceMaster(inSync: true), .renewWindows, .bulk] : []))
        let repeated = machine.peerIsNotMaster(2, term: term, at: .origin)
        #expect(repeated.isEmpty)
        var backup = RoleStateMachineTests.backup
        let quiet = backup.peerIsNotMaster(2, term: term, at: .origin)
        #expect(quiet.isEmpty)
    }

    @Test func `a handover is not two masters and costs one term`() {
        var machine = RoleStateMachineTests.backup
        _ = machine.peerClaimsMaster(2, term: 6, at: .origin)
        _ = machine.promote(inSync: true, at: .origin)
        #expect(machine.twoMasters != nil)
        let overlap = machine.advance(to: Self.instant(milliseconds: 770))
        #expect(overlap.isEmpty)
        let stepped = machine.peerIsNotMaster(2, term: 6, at: Self.instant(milliseconds: 780))
        #expect(stepped.isEmpty)
        #expect(machine.twoMasters == nil && machine.terms.own == 7)
    }

    @Test func `two masters that last are reported once, and the one that stays goes above both`() {
        var machine = RoleStateMachineTests.master
        _ = machine.peerClaimsMaster(2, term: 12, at: .origin)
        #expect(machine.nextDeadline == .origin + RoleStateMachine.handoverSpan)
        let report = machine.advance(to: Self.instant(milliseconds: 1_000))
        #expect(
            Array(report) == [
                .reportTwoMasters(
                    TwoMasters(since: .origin, peer: 2, peerTerm: 12, includesThisNode: true, isReported: true))
            ])
        _ = machine.peerClaimsMaster(2, term: 13, at: Self.instant(milliseconds: 1_500))
        let again = machine.advance(to: Self.instant(milliseconds: 1_600))
        #expect(again.isEmpty && machine.state.reportName == "master")
        let ended = machine.peerIsNotMaster(2, term: 13, at: Self.instant(milliseconds: 5_000))
        #expect(
            Array(ended) == [
                .reportTwoMastersEnded, .takeTerm(14), .announceMaster(inSync: true), .renewWindows, .bulk,
            ])
    }

    @Test func `the one that steps down takes no term`() {
        var machine = RoleStateMachineTests.master
        _ = machine.peerClaimsMaster(2, term: 12, at: .origin)
        _ = machine.advance(to: Self.instant(milliseconds: 1_000))
        let actions = machine.demote(at: Self.instant(milliseconds: 2_000))
        #expect(actions.contains(.reportTwoMastersEnded))
        #expect(machine.terms.own == 7 && machine.twoMasters == nil)
    }

    @Test func `two masters of one term end in a new term even within a handover`() {
        var machine = RoleStateMachineTests.master
        _ = machine.peerClaimsMaster(2, term: 7, at: .origin)
        let ended = machine.peerLost(2, at: Self.instant(milliseconds: 100))
        #expect(Array(ended) == [.takeTerm(8), .announceMaster(inSync: true), .renewWindows, .bulk])
    }

    @Test func `a backup reports two masters among its peers`() {
        var machine = RoleStateMachineTests.backup
        _ = machine.peerClaimsMaster(2, term: 7, at: .origin)
        _ = machine.peerClaimsMaster(3, term: 8, at: .origin)
        let report = machine.advance(to: Self.instant(milliseconds: 1_000))
        #expect(
            Array(report) == [
                .reportTwoMasters(
                    TwoMasters(since: .origin, peer: 3, peerTerm: 8, includesThisNode: false, isReported: true))
            ])
    }

    @Test func `claims are bounded`() {
        var machine = RoleStateMachineTests.backup
        for peer in 0..<100 as Range<UInt64> { _ = machine.peerClaimsMaster(peer, term: peer, at: .origin) }
        #expect(machine.claims.count == RoleStateMachine.claimLimit)
    }

    @Test func `an incarnation grows when the clock was set back and when the stored one is lost`() {
        #expect(Incarnation(startTime: 100, stored: 500).number == 501)
        #expect(Incarnation(startTime: 1_000, stored: 500).number == 1_000)
        #expect(Incarnation(startTime: 1_000, stored: 0).number == 1_000)
        #expect(Incarnation(startTime: 1, stored: .max).number == .max)
    }
}
