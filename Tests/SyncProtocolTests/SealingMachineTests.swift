import Bytes
import StateMachine
import Testing

@testable import SyncProtocol

/// The table of `SealingMachine`, row by row; the seal itself is taken to be right here.
@Suite struct SealingMachineTests {
    static let me: UInt32 = 1
    static let other: UInt32 = 2

    /// A machine with keys 1 and 2, of which the first seals.
    private func machine(
        _ stage: SealingStage = .require, sender: UInt32 = me, incarnation: UInt64 = 50, keys: [UInt8] = [1, 2]
    ) throws -> SealingMachine {
        var machine = SealingMachine(sender: sender, incarnation: incarnation)
        for key in keys { try machine.add(key) }
        try machine.enter(stage)
        return machine
    }

    private func front(
        _ sequence: UInt64, key: UInt8 = 1, sender: UInt32 = other, incarnation: UInt64 = 7, link: UInt8 = 0,
        isOwn: Bool = false
    ) -> SealedFront {
        SealedFront(
            isOwn: isOwn, keyID: key, link: link, sender: sender, incarnation: incarnation, sequence: sequence)
    }

    /// A datagram as it comes: its front, and as many bytes as a seal at least has.
    private func datagram(_ front: SealedFront, count: Int = 50) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        DatagramHeader(
            sender: front.sender, incarnation: front.incarnation, term: 3, sequence: front.sequence, role: .master,
            inSync: true, keyID: front.keyID
        ).encode(into: &writer)
        writer.patch(front.link, at: SealedFront.linkOffset)
        for _ in SealedFront.size..<max(count, SealedFront.size) { writer.append(UInt8(0)) }
        return writer.withBytes { Array([UInt8]($0).prefix(count)) }
    }

    private func inspect(_ machine: inout SealingMachine, _ bytes: [UInt8]) -> SealingMachine.Inspection {
        bytes.withBytes { machine.inspect($0) }
    }

    private func opened(
        _ machine: inout SealingMachine, _ front: SealedFront, question: SealingQuestion? = nil,
        at milliseconds: UInt64 = 0, chance: UInt64 = 99
    ) -> SealingMachine.Verdict {
        var writer = ByteWriter(capacity: 128)
        if let question { question.encode(front, into: &writer) }
        let now = Instant.origin + .milliseconds(milliseconds)
        return writer.withBytes { machine.opened(front, $0, at: now, chance: chance) }
    }

    private func nonce(of verdict: SealingMachine.Verdict) -> UInt64? {
        guard case .say(let speech) = verdict, case .challenge(_, let nonce) = speech.challenge?.question else {
            return nil
        }
        return nonce
    }

    /// Lets the other's run answer, so that it is admitted above a counter.
    private func admit(
        _ machine: inout SealingMachine, incarnation: UInt64 = 7, above counter: UInt64 = 0, key: UInt8 = 1,
        at milliseconds: UInt64 = 0
    ) {
        _ = opened(&machine, front(counter + 1, key: key, incarnation: incarnation), at: milliseconds, chance: 1234)
        let answer = SealingQuestion.answer(challenger: Self.me, incarnation: 50, nonce: 1234, counter: counter)
        _ = opened(
            &machine, front(1, key: key, incarnation: incarnation, isOwn: true), question: answer, at: milliseconds)
    }

    @Test(
        arguments: [
            (.off, nil), (.accept, nil), (.require, .openRefused),
        ] as [(SealingStage, SealingCounter?)])
    func `an open datagram is taken unless sealing is required`(stage: SealingStage, refusal: SealingCounter?) throws {
        var machine = try machine(stage)
        let inspection = inspect(&machine, datagram(front(1, key: 0)))
        #expect(inspection == (refusal == nil ? .take : .refuse))
        #expect(machine.counters[refusal ?? .openTaken] == 1 && machine.counters.total == 1)
    }

    @Test func `whoever has no key takes open datagrams, and names sealed ones as such`() {
        var machine = SealingMachine(sender: Self.me, incarnation: 50)
        #expect(machine.stage == .off)
        let open = inspect(&machine, datagram(front(1, key: 0)))
        let sealed = inspect(&machine, datagram(front(1, key: 1)))
        #expect(open == .take && sealed == .refuse && machine.counters[.unknownKey] == 1)
    }

    @Test(
        arguments: [
            (SealingCounter.unknownKey, UInt8(3), UInt8(0), 50), (.wrongLink, 1, 1, 50), (.malformed, 1, 0, 49),
            (.malformed, 1, 0, 34), (.malformed, 1, 0, 33), (.malformed, 1, 0, 3), (.malformed, 1, 0, 0),
        ])
    func `what cannot be opened is refused by its reason`(
        reason: SealingCounter, key: UInt8, link: UInt8, count: Int
    ) throws {
        var machine = try machine()
        let inspection = inspect(&machine, datagram(front(1, key: key, link: link), count: count))
        #expect(inspection == .refuse)
        #expect(machine.counters[reason] == 1 && machine.counters.total == 1)
    }

    @Test func `a run that is not admitted is asked, and taken above its counter once it has answered`() throws {
        var machine = try machine()
        let first = inspect(&machine, datagram(front(10)))
        #expect(first == .open(front(10)))
        let verdict = opened(&machine, front(10), chance: 77)
        let asked = SealedFront(isOwn: true, keyID: 1, link: 0, sender: Self.me, incarnation: 50, sequence: 1)
        let challenge = SealingMachine.Speech.Part(asked, .challenge(target: Self.other, nonce: 77))
        #expect(verdict == .say(.init(challenge: challenge, usesChance: true)))
        #expect(machine.counters[.stale] == 1 && machine.counters[.challengesSent] == 1)
        let answer = SealingQuestion.answer(challenger: Self.me, incarnation: 50, nonce: 77, counter: 12)
        let heard = opened(&machine, front(1, isOwn: true), question: answer)
        #expect(heard == .drop && machine.counters[.sendersAdmitted] == 1)
        let verdicts = [12, 13, 13, 10].map { opened(&machine, front($0)) }
        #expect(verdicts == [.drop, .take, .drop, .drop])
        #expect(machine.counters[.replay] == 3 && machine.counters[.sealedTaken] == 1)
        // What was taken costs no decryption any more.
        let again = inspect(&machine, datagram(front(13)))
        #expect(again == .refuse && machine.counters[.replay] == 4)
    }

    @Test(
        arguments: [
            SealingQuestion.answer(challenger: 9, incarnation: 50, nonce: 77, counter: 0),
            .answer(challenger: 1, incarnation: 49, nonce: 77, counter: 0),
            .answer(challenger: 1, incarnation: 50, nonce: 78, counter: 0),
            .challenge(target: 9, nonce: 77),
        ])
    func `an answer to somebody else, to an earlier run or to another nonce admits nobody`(
        question: SealingQuestion
    ) throws {
        var machine = try machine()
        _ = opened(&machine, front(10), chance: 77)
        let verdict = opened(&machine, front(1, isOwn: true), question: question)
        #expect(verdict == .drop)
        let next = opened(&machine, front(11))
        #expect(next == .drop && machine.counters[.stale] == 2 && machine.counters[.sendersAdmitted] == 0)
    }

    @Test func `an answer of another sender admits that one only if it was asked`() throws {
        var machine = try machine()
        _ = opened(&machine, front(10), chance: 77)
        let answer = SealingQuestion.answer(challenger: Self.me, incarnation: 50, nonce: 77, counter: 0)
        let verdict = opened(&machine, front(1, sender: 3, isOwn: true), question: answer)
        #expect(verdict == .drop && machine.counters[.answersUnasked] == 1 && machine.counters[.sendersAdmitted] == 0)
    }

    @Test func `an answer counts once, and not after the nonce's life`() throws {
        var machine = try machine()
        _ = opened(&machine, front(10), chance: 77)
        let answer = SealingQuestion.answer(challenger: Self.me, incarnation: 50, nonce: 77, counter: 9)
        _ = opened(&machine, front(1, isOwn: true), question: answer, at: 2_000)
        #expect(machine.counters[.answersUnasked] == 1 && machine.counters[.sendersAdmitted] == 0)
        admit(&machine, above: 9, at: 2_100)
        #expect(machine.counters[.sendersAdmitted] == 1)
        let taken = opened(&machine, front(20), at: 2_200)
        let replayed = SealingQuestion.answer(challenger: Self.me, incarnation: 50, nonce: 1234, counter: 9)
        _ = opened(&machine, front(1, isOwn: true), question: replayed, at: 2_200)
        let second = opened(&machine, front(20), at: 2_200)
        #expect(taken == .take && second == .drop && machine.counters[.answersUnasked] == 2)
    }

    @Test func `a receiver that restarted takes no replay, and nothing at all until it was answered`() throws {
        var before = try machine()
        admit(&before)
        for sequence in 1...100 {
            let verdict = opened(&before, front(UInt64(sequence)))
            #expect(verdict == .take)
        }
        var after = try machine(incarnation: 51)
        for sequence in 1...100 {
            let verdict = opened(&after, front(UInt64(sequence)), at: 10, chance: UInt64(sequence))
            #expect(verdict != .take)
        }
        #expect(after.counters[.stale] == 100)
        // The recorded answer to the former run, and a fresh one to this.
        let old = SealingQuestion.answer(challenger: Self.me, incarnation: 50, nonce: 1234, counter: 0)
        _ = opened(&after, front(1, isOwn: true), question: old, at: 20)
        #expect(after.counters[.sendersAdmitted] == 0)
        let fresh = SealingQuestion.answer(challenger: Self.me, incarnation: 51, nonce: 1, counter: 100)
        _ = opened(&after, front(2, isOwn: true), question: fresh, at: 20)
        #expect(after.counters[.sendersAdmitted] == 1)
        for sequence in 1...100 {
            let verdict = opened(&after, front(UInt64(sequence)), at: 30)
            #expect(verdict == .drop)
        }
        let next = opened(&after, front(101), at: 30)
        #expect(next == .take)
    }

    @Test(arguments: [(UInt64(7), UInt64(8)), (8, 7)])
    func `a run that answered is taken, also if its number is lower: calendars do not matter`(
        first: UInt64, second: UInt64
    ) throws {
        var machine = try machine()
        admit(&machine, incarnation: first, above: 500)
        let known = opened(&machine, front(501, incarnation: first))
        let unknown = opened(&machine, front(1, incarnation: second), at: 200, chance: 1234)
        #expect(known == .take && unknown != .take)
        admit(&machine, incarnation: second, at: 400)
        let taken = opened(&machine, front(5, incarnation: second), at: 400)
        let old = opened(&machine, front(502, incarnation: first), at: 600)
        #expect(taken == .take && old != .take)
    }

    @Test func `replays of a run long gone do not disturb the one that lives`() throws {
        var machine = try machine()
        admit(&machine, incarnation: 8)
        var challenges = 0
        for step in UInt64(0)..<200 {
            // Ten of them each tenth of a second, against a peer that answers at once.
            let now = 1_000 + step * 10
            let verdict = opened(&machine, front(step, incarnation: 7), at: now, chance: step)
            if let nonce = nonce(of: verdict) {
                challenges += 1
                let answer = SealingQuestion.answer(challenger: 1, incarnation: 50, nonce: nonce, counter: step)
                _ = opened(
                    &machine, front(step, incarnation: 8, isOwn: true), question: answer, at: now)
            }
            let alive = opened(&machine, front(step + 1, incarnation: 8), at: now)
            #expect(alive == .take)
        }
        #expect(challenges == 2 && machine.counters[.sendersAdmitted] == 1)
    }

    @Test func `a challenge goes out ten times a second at most, with one nonce until that is too old`() throws {
        var machine = try machine()
        var nonces: [UInt64] = []
        for millisecond in UInt64(0)..<3_000 {
            let verdict = opened(&machine, front(millisecond + 1), at: millisecond, chance: 10_000 + millisecond)
            if let nonce = nonce(of: verdict) { nonces.append(nonce) }
        }
        #expect(nonces == Array(repeating: 10_000, count: 20) + Array(repeating: 12_000, count: 10))
    }

    @Test func `a challenge is answered with the highest sequence sealed, under its own key`() throws {
        var machine = try machine()
        let sent = datagram(SealedFront(isOwn: false, keyID: 0, link: 0, sender: 1, incarnation: 50, sequence: 41))
        let departure = sent.withBytes { machine.depart($0) }
        #expect(
            departure
                == .sealed(SealedFront(isOwn: false, keyID: 1, link: 0, sender: 1, incarnation: 50, sequence: 41)))
        let verdict = opened(
            &machine, front(9, key: 2, isOwn: true), question: .challenge(target: Self.me, nonce: 5))
        let own = { SealedFront(isOwn: true, keyID: 2, link: 0, sender: 1, incarnation: 50, sequence: $0) }
        let answer = SealingMachine.Speech.Part(
            own(1), .answer(challenger: Self.other, incarnation: 7, nonce: 5, counter: 41))
        // Who asks is not admitted itself: it is asked in the same breath, and once admitted no more.
        let challenge = SealingMachine.Speech.Part(own(2), .challenge(target: Self.other, nonce: 99))
        #expect(verdict == .say(.init(answer: answer, challenge: challenge, usesChance: true)))
        let back = SealingQuestion.answer(challenger: Self.me, incarnation: 50, nonce: 99, counter: 3)
        _ = opened(&machine, front(10, key: 2, isOwn: true), question: back)
        let again = opened(
            &machine, front(11, key: 2, isOwn: true), question: .challenge(target: Self.me, nonce: 5), at: 500)
        let second = SealingMachine.Speech.Part(
            own(3), .answer(challenger: Self.other, incarnation: 7, nonce: 5, counter: 41))
        #expect(again == .say(.init(answer: second)) && machine.counters[.sendersAdmitted] == 1)
    }

    @Test func `a flood of challenges is answered within bounds`() throws {
        var machine = try machine()
        var answers = 0
        for step in UInt64(0)..<10_000 {
            let verdict = opened(
                &machine, front(step, isOwn: true), question: .challenge(target: Self.me, nonce: step), at: step / 10)
            if case .say(let speech) = verdict, speech.answer != nil { answers += 1 }
        }
        #expect(answers == SealingMachine.answerBurst + 199)
        #expect(machine.counters[.answersHeldBack] == UInt64(10_000 - answers))
    }

    @Test func `a flood of senders is held within bounds, and takes no place of one that lives`() throws {
        var machine = try machine()
        admit(&machine)
        for number in UInt32(100)..<1_100 { _ = opened(&machine, front(1, sender: number), at: UInt64(number)) }
        #expect(machine.senders.count == SealingMachine.senderLimit)
        let alive = opened(&machine, front(5), at: 2_000)
        #expect(alive == .take)
    }

    @Test func `no sequence is sealed twice`() throws {
        var machine = try machine()
        func depart(_ sequence: UInt64) -> SealingMachine.Departure {
            let sent = SealedFront(isOwn: false, keyID: 0, link: 0, sender: 1, incarnation: 50, sequence: sequence)
            return datagram(sent).withBytes { machine.depart($0) }
        }
        #expect(depart(1) != .refuse && depart(2) != .refuse)
        #expect(depart(2) == .refuse && depart(1) == .refuse && machine.counters[.sequenceRepeated] == 2)
        try machine.use(2)
        #expect(depart(2) == .refuse && depart(3) != .refuse)
    }

    @Test func `what is no datagram of this run is not sealed, and in the stage off nothing is`() throws {
        var machine = try machine()
        let foreign = datagram(front(1)).withBytes { machine.depart($0) }
        #expect(foreign == .refuse && machine.counters[.unsealable] == 1)
        try machine.enter(.off)
        let open = datagram(front(1)).withBytes { machine.depart($0) }
        #expect(open == .open)
    }

    @Test func `a key is rolled over without a refused datagram, and its replays stay refused`() throws {
        var machine = try machine()
        admit(&machine)
        var refused = 0
        for sequence in UInt64(1)...300 {
            if sequence == 200 {
                try machine.use(2)
                try machine.remove(1)
            }
            let key: UInt8 = sequence <= 100 ? 1 : 2
            guard case .open = inspect(&machine, datagram(front(sequence, key: key))),
                opened(&machine, front(sequence, key: key)) == .take
            else {
                refused += 1
                continue
            }
        }
        #expect(refused == 0)
        // The old key comes back: what was sealed with it is old all the same.
        try machine.add(1)
        for sequence in UInt64(1)...300 {
            for key in [UInt8(1), 2] {
                let inspection = inspect(&machine, datagram(front(sequence, key: key)))
                let verdict = opened(&machine, front(sequence, key: key))
                #expect(inspection == .refuse || verdict == .drop)
            }
        }
        #expect(machine.counters[.sealedTaken] == 300)
    }

    @Test func `when the key goes that was heard last, its senders answer anew`() throws {
        var machine = try machine()
        admit(&machine)
        _ = opened(&machine, front(1))
        _ = opened(&machine, front(2, key: 2))
        try machine.remove(2)
        try machine.add(2)
        let replay = opened(&machine, front(2, key: 2), at: 500)
        #expect(replay != .take && machine.counters[.stale] == 2)
    }

    @Test func `its own datagrams are no peer's`() throws {
        var machine = try machine()
        let reflected = opened(&machine, front(1, sender: Self.me, incarnation: 50))
        let question = opened(
            &machine, front(1, sender: Self.me, incarnation: 50, isOwn: true),
            question: .challenge(target: Self.me, nonce: 1))
        #expect(reflected == .drop && question == .drop && machine.counters[.reflected] == 2)
    }

    @Test func `keys and stages change only where sealing goes on`() throws {
        var machine = SealingMachine(sender: 1, incarnation: 50)
        #expect(throws: SealingKeys.Refusal.none) { try machine.enter(.accept) }
        #expect(throws: SealingKeys.Refusal.unusableID) { try machine.add(0) }
        try machine.add(4)
        #expect(machine.keys.used == 4)
        #expect(throws: SealingKeys.Refusal.known) { try machine.add(4) }
        #expect(throws: SealingKeys.Refusal.unknown) { try machine.use(5) }
        #expect(throws: SealingKeys.Refusal.unknown) { try machine.remove(5) }
        try machine.enter(.require)
        #expect(throws: SealingKeys.Refusal.inUse) { try machine.remove(4) }
        for id in UInt8(10)..<17 { try machine.add(id) }
        #expect(throws: SealingKeys.Refusal.full) { try machine.add(17) }
        try machine.enter(.off)
        try machine.remove(4)
        #expect(machine.keys.used == 10)
    }

    @Test(
        arguments: [
            SealingQuestion.challenge(target: 1, nonce: 2),
            .answer(challenger: 1, incarnation: 2, nonce: 3, counter: 4),
        ])
    func `questions read as they were written, and not when they are cut`(question: SealingQuestion) {
        var writer = ByteWriter(capacity: SealingQuestion.datagramSize)
        question.encode(front(9, isOwn: true), into: &writer)
        let bytes = writer.withBytes { [UInt8]($0) }
        #expect(bytes.withBytes { SealingQuestion($0) } == question)
        #expect(bytes.withBytes { SealedFront($0) } == front(9, isOwn: true))
        for count in 0..<bytes.count {
            #expect(Array(bytes[..<count]).withBytes { SealingQuestion($0) } == nil)
        }
    }

    @Test func `nonces differ between links and between the two counts`() {
        let fronts = [front(1), front(1, link: 1), front(1, isOwn: true), front(1, link: 1, isOwn: true)]
        #expect(Set(fronts.map(\.noncePrefix)).count == 4)
    }
}
