import StateMachine
import Testing

@testable import Failover

/// A story in lines: milliseconds, what happens, `=>` and the truth that must follow.
///
/// What happens is a line of keepalived (`GROUP g MASTER`, `INSTANCE v1 BACKUP`, with `said MS` if it is late),
/// `addresses all|some|none|unknown`, `role ROLE`, `auto` or `wait`. The truth is `ROLE by SOURCE`, with `disputed`
/// where words and addresses disagree, and what became of a line where that is not "accepted".
struct Transcript: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var members: [String] = ["v1", "v2"]
    var followsFirstMember = false
    let lines: String

    func check() throws {
        var reconciler = RoleReconciler(
            group: "g", members: members, followsFirstMember: followsFirstMember, at: .origin)
        for line in lines.split(separator: "\n") {
            let halves = line.split(separator: "=>").map { $0.split(separator: " ").map(String.init) }
            try #require(halves.count == 2, "\(line)")
            let stamp = try #require(UInt64(halves[0][0]))
            let outcome = try Self.play(Array(halves[0].dropFirst()), at: .origin + .milliseconds(stamp), &reconciler)
            var told = [reconciler.truth.role.rawValue, "by", reconciler.truth.source.rawValue]
            if reconciler.disagreement != nil { told.append("disputed") }
            if let outcome { told.append(outcome) }
            #expect(told.joined(separator: " ") == halves[1].joined(separator: " "), "\(line)")
        }
    }

    private static func play(
        _ words: [String], at now: Instant, _ reconciler: inout RoleReconciler
    ) throws -> String? {
        // Whoever drives the machine calls it at its deadlines.
        while reconciler.nextDeadline <= now { reconciler.advance(to: reconciler.nextDeadline) }
        switch words[0] {
        case "addresses": reconciler.see(try #require(AddressPresence(rawValue: words[1])), at: now)
        case "role": reconciler.choose(try #require(Role(rawValue: words[1])), at: now)
        case "auto": reconciler.chooseAutomatically(at: now)
        case "wait": reconciler.advance(to: now)
        default:
            let said = words.count == 5 ? Instant.origin + .milliseconds(try #require(UInt64(words[4]))) : nil
            do throws(RoleRefusal) {
                let notification = try RoleNotification(kind: words[0], name: words[1], state: words[2])
                switch reconciler.hear(notification, from: .notify, said: said, at: now) {
                case .accepted: return nil
                case .refused(let refusal): return refusal.rawValue
                case let hearing: return String(describing: hearing)
                }
            } catch {
                return error.rawValue
            }
        }
        return nil
    }
}

@Suite struct RoleReconcilerTests {
    static let transcripts = [
        Transcript(
            testDescription: "with nobody heard the truth is backup",
            lines: """
                0 wait => backup by none
                5000 addresses unknown => backup by none
                """),
        Transcript(
            testDescription: "members first, the group last, and repeats change nothing",
            lines: """
                0 GROUP g BACKUP => backup by notify
                1 INSTANCE v1 BACKUP => backup by notify
                2 INSTANCE v2 BACKUP => backup by notify
                1000 INSTANCE v1 MASTER => backup by notify
                1020 INSTANCE v2 MASTER => backup by notify
                1021 GROUP g MASTER => master by notify
                1500 GROUP g MASTER => master by notify repeated
                9000 GROUP g MASTER => master by notify repeated
                9001 GROUP g FAULT => fault by notify
                """),
        Transcript(
            testDescription: "the first member begins the takeover, and a group that does not follow ends it",
            followsFirstMember: true,
            lines: """
                0 INSTANCE v1 MASTER => backup by none
                1 GROUP g BACKUP => backup by notify
                2 INSTANCE v1 BACKUP => backup by notify
                3 INSTANCE v2 BACKUP => backup by notify
                1000 INSTANCE v1 MASTER => master by notify
                1020 INSTANCE v2 MASTER => master by notify
                1021 GROUP g MASTER => master by notify
                2000 GROUP g BACKUP => backup by notify
                2001 INSTANCE v1 BACKUP => backup by notify
                2002 INSTANCE v2 BACKUP => backup by notify
                3000 INSTANCE v2 MASTER => master by notify
                3099 wait => master by notify
                3100 wait => backup by notify
                4000 GROUP g BACKUP => backup by notify repeated
                4001 INSTANCE v2 BACKUP => backup by notify
                5000 INSTANCE v2 MASTER => master by notify
                5010 INSTANCE v1 FAULT => backup by notify
                6000 GROUP g FAULT => fault by notify
                6001 INSTANCE v2 MASTER => fault by notify repeated
                """),
        Transcript(
            testDescription: "a silent group change is found by its members",
            lines: """
                0 INSTANCE v1 MASTER => backup by none
                1 INSTANCE v2 MASTER => backup by none
                2 GROUP g MASTER => master by notify
                1000 INSTANCE v1 BACKUP => master by notify
                1001 INSTANCE v2 BACKUP => master by notify
                1099 wait => master by notify
                1100 wait => backup by notify
                4000 INSTANCE v1 MASTER => backup by notify
                4001 INSTANCE v2 MASTER => master by notify
                4002 GROUP g MASTER => master by notify repeated
                """),
        Transcript(
            testDescription: "one member in fault brings a doubtful group down",
            lines: """
                0 INSTANCE v1 MASTER => backup by none
                1 INSTANCE v2 MASTER => backup by none
                2 GROUP g MASTER => master by notify
                1000 INSTANCE v2 FAULT => master by notify
                1100 wait => fault by notify
                """),
        Transcript(
            testDescription: "a manager that drops groups of one member is followed by its member",
            members: ["v1"],
            lines: """
                0 INSTANCE v1 BACKUP => backup by none
                100 wait => backup by notify
                900 INSTANCE v1 MASTER => master by notify
                """),
        Transcript(
            testDescription: "a late line is put in its place by when it was said",
            lines: """
                100 GROUP g FAULT said 90 => fault by notify
                103 GROUP g BACKUP said 80 => fault by notify outdated
                104 GROUP g MASTER said 95 => master by notify
                """),
        Transcript(
            testDescription: "an inverted member line does not unseat a master that holds the addresses",
            lines: """
                0 addresses none => backup by address
                1 GROUP g BACKUP => backup by notify
                10 addresses all => backup by notify
                11 INSTANCE v1 MASTER => backup by notify
                12 GROUP g MASTER => master by notify
                13 INSTANCE v2 BACKUP => master by notify
                113 wait => master by address
                5000 INSTANCE v2 MASTER => master by notify
                """),
        Transcript(
            testDescription: "a lost notification is found by the addresses after a second",
            lines: """
                0 addresses none => backup by address
                1 GROUP g BACKUP => backup by notify
                1000 addresses all => backup by notify
                1999 wait => backup by notify
                2000 wait => master by address disputed
                3500 addresses some => master by address disputed
                4000 GROUP g MASTER => master by notify
                """),
        Transcript(
            testDescription: "what a crash leaves behind is not a dispute",
            lines: """
                0 addresses none => backup by address
                1 GROUP g MASTER => master by notify
                2 addresses all => master by notify
                1000 GROUP g BACKUP => backup by notify
                1650 addresses none => backup by notify
                9000 wait => backup by notify
                """),
        Transcript(
            testDescription: "addresses that never moved dispute, but decide nothing",
            lines: """
                0 addresses none => backup by address
                1000 GROUP g MASTER => master by notify
                2000 wait => master by notify disputed
                """),
        Transcript(
            testDescription: "addresses alone make a role where no manager speaks",
            lines: """
                0 addresses all => master by address
                1000 addresses some => master by address
                1001 addresses none => backup by address
                """),
        Transcript(
            testDescription: "the operator holds until a manager speaks",
            lines: """
                0 GROUP g BACKUP => backup by notify
                10 role master => master by manual
                20 GROUP other MASTER => master by manual unknown group
                30 GROUP g BACKUP => backup by notify repeated
                """),
        Transcript(
            testDescription: "the operator outranks the addresses, which say so",
            lines: """
                0 addresses all => master by address
                1 addresses none => backup by address
                2 role master => master by manual
                1002 wait => master by manual disputed
                1003 auto => backup by address
                """),
        Transcript(
            testDescription: "what is not known is refused and changes nothing",
            lines: """
                0 GROUP g MASTER => master by notify
                1 GROUP h BACKUP => master by notify unknown group
                2 INSTANCE v9 FAULT => master by notify unknown instance
                3 GROUP g SLEEPING => master by notify unknown state
                4 VS g BACKUP => master by notify unknown type
                5 GROUP g MASTER_RX_LOWER_PRI => master by notify hintsAtTwoMasters
                6 INSTANCE v1 MASTER_PRIORITY => master by notify noted
                """),
        Transcript(
            testDescription: "keepalived that stops leaves a backup",
            lines: """
                0 GROUP g MASTER => master by notify
                1 INSTANCE v1 STOP => master by notify
                2 INSTANCE v2 STOP => master by notify
                3 GROUP g STOP => backup by notify
                """),
        Transcript(
            testDescription: "a member that a reload deletes no longer counts, and the last one takes the group along",
            lines: """
                0 INSTANCE v1 MASTER => backup by none
                1 INSTANCE v2 MASTER => backup by none
                2 GROUP g MASTER => master by notify
                10 INSTANCE v2 BACKUP => master by notify
                11 INSTANCE v2 DELETED => master by notify
                200 wait => master by notify
                300 INSTANCE v1 DELETED => backup by notify groupVanished
                """),
        Transcript(
            testDescription: "learnt members cast doubt but do not decide",
            members: [],
            lines: """
                0 addresses none => backup by address
                1 INSTANCE elsewhere BACKUP => backup by address
                2 GROUP g BACKUP => backup by notify
                1000 addresses all => backup by notify
                1001 INSTANCE v1 MASTER => backup by notify
                1002 GROUP g MASTER => master by notify
                2000 INSTANCE elsewhere FAULT => master by notify
                2100 wait => master by notify
                3000 addresses none => backup by address
                3001 GROUP g MASTER => master by notify repeated
                3002 INSTANCE v9 BACKUP => master by notify
                3200 wait => master by notify
                3300 INSTANCE v1 BACKUP => master by notify
                3400 wait => backup by address
                """),
    ]

    @Test(arguments: transcripts) func `transcript`(transcript: Transcript) throws { try transcript.check() }

    @Test func `a disagreement carries both views and when it began`() {
        var reconciler = RoleReconciler(group: "g", at: .origin)
        reconciler.see(.none, at: .origin)
        _ = reconciler.hear(RoleNotification(.group, "g", .master), from: .fifo, at: .origin + .seconds(1))
        #expect(reconciler.nextDeadline == .origin + .seconds(2))
        reconciler.advance(to: reconciler.nextDeadline)
        #expect(
            reconciler.disagreement
                == RoleDisagreement(spoken: .master, source: .fifo, addresses: .none, since: .origin + .seconds(1)))
        #expect(reconciler.nextDeadline == .never)
    }

    @Test func `learnt members are bounded`() {
        var reconciler = RoleReconciler(group: "g", at: .origin)
        var refused = 0
        for number in 0..<100 {
            let heard = reconciler.hear(
                RoleNotification(.instance, "v\(number)", .backup), from: .notify, at: .origin)
            if heard == .refused(.unknownInstance) { refused += 1 }
        }
        #expect(refused == 100 - RoleReconciler.learntLimit)
    }
}
