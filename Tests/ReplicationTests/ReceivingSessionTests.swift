import StateMachine
import Testing

@testable import Replication

@Suite struct ReceivingSessionTests {
    private static func session() -> ReceivingSession {
        ReceivingSession(incarnation: 1, origin: OriginID(1), at: .origin)
    }

    /// A progress of a bulk as the newest datagram says it.
    private static func hear(_ session: inout ReceivingSession, bulk: UInt32, isPartial: Bool, isForOther: Bool) {
        _ = session.arrived(sequence: UInt64(bulk))
        session.progress(
            sent: 100, bulk: bulk, bulkEnd: 100, bulkSent: 0, isPartial: isPartial, isForOther: isForOther,
            isHeld: false, shared: 0, sequence: UInt64(bulk), at: .origin)
    }

    /// What an earlier run of this node held is not here: the peer's answer to that run came to the next one.
    @Test func `a bulk that leaves out what another run held is not followed, and another one is asked for`() {
        var session = Self.session()
        session.asked(at: .origin)
        Self.hear(&session, bulk: 3, isPartial: true, isForOther: true)
        #expect(session.phase == .unknown && session.needsBulk(at: .origin))
        let isAdmitted = session.admits(lane: .backfill, bulk: 3, .init(from: 0, to: 100), at: .origin)
        #expect(!isAdmitted && !session.isFollowing)
        Self.hear(&session, bulk: 4, isPartial: true, isForOther: false)
        #expect(session.phase == .filling && !session.needsBulk(at: .origin))
    }

    @Test func `what tears one hole too many counts as lost`() {
        var session = Self.session()
        Self.hear(&session, bulk: 1, isPartial: false, isForOther: false)
        for index in 0..<UInt64(Coverage.islandLimit) {
            let interval = Coverage.Interval(from: 101 + index * 3, to: 102 + index * 3)
            let isAdmitted = session.admits(lane: .live, bulk: 1, interval, at: .origin)
            #expect(isAdmitted)
            session.covered(lane: .live, interval, at: .origin)
        }
        let isAdmitted = session.admits(lane: .live, bulk: 1, .init(from: 900_000, to: 900_001), at: .origin)
        #expect(!isAdmitted && session.phase == .filling)
        let fills = session.admits(lane: .repair, bulk: 1, .init(from: 0, to: 101), at: .origin)
        #expect(fills)
    }
}
