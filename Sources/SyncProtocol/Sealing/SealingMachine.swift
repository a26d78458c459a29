public import StateMachine

/// Decides about sealed datagrams: which are taken, what is asked before, what seals.
///
/// It holds no key and no cipher.
/// A seal proves that its sender once had the key, not that it speaks now. So a receiver takes the datagrams of a run
/// of a sender only when that run has answered the receiver's nonce; it names its highest sequence so far, and all up
/// to that counts as taken. That holds for a new run of the sender, and for all senders after the receiver's own
/// restart, when it remembers nothing. No calendar is involved. The questions are sealed too, go to everybody on the
/// link and name whom they concern, so they serve multicast; whoever hears them proves nothing by replaying them.
///
/// | what comes | decision |
/// |---|---|
/// | open, in `off` and `accept` | taken |
/// | open, in `require` | refused: `openRefused` |
/// | sealed, too short | refused: `malformed` |
/// | sealed for another link | refused: `wrongLink` |
/// | sealed with a key that is not here | refused: `unknownKey` |
/// | sealed, sequence taken before by that run | refused: `replay`, before its seal costs anything |
/// | the seal is wrong | refused: `badSeal` |
/// | this run's own | refused: `reflected` |
/// | sealed by an admitted run, fresh | taken |
/// | sealed by a run that is not admitted | refused: `stale`; a challenge, one in `askInterval` for each sender |
/// | … and the table is full of senders that are alive | refused: `beyondSenders` |
/// | challenge for this node | an answer, `answerBurst` at once and then one in `answerInterval` |
/// | … by a run that is not admitted | and a challenge back, as above: both know each other before they go on |
/// | answer to this run's open challenge | its sender's run is admitted above the counter |
/// | any other answer to this run | ignored: `answersUnasked` |
/// | challenge for another, answer to another | ignored |
///
/// A sender's windows are one for each key. All count the same sequences, so a window under a new key begins as a copy
/// of the one that is furthest: a key is rolled over without a gap, and a removed key that comes back opens no replay.
public struct SealingMachine: Sendable {
    /// Senders at once at most: what a link has, and one.
    public static let senderLimit = 16
    /// A challenge to the same sender goes out this often at most.
    public static let askInterval = Instant.Span.milliseconds(100)
    /// A sender that has just shown that its known run lives is left alone for so long, whatever old runs say.
    public static let calmInterval = Instant.Span.seconds(1)
    /// How long a nonce may be answered.
    public static let nonceLife = Instant.Span.seconds(2)
    /// Answers at once at most.
    public static let answerBurst = 32
    /// … and then one in so long.
    public static let answerInterval = Instant.Span.milliseconds(5)
    /// A sender that was silent for so long gives its place to another.
    public static let silence = Instant.Span.seconds(60)

    /// What is to be done with a datagram before anything is decrypted.
    public enum Inspection: Equatable, Sendable {
        /// It is open and taken.
        case take
        /// It is refused, and counted.
        case refuse
        /// Its seal is to be checked; then `opened` or `sealWasWrong` is called.
        case open(SealedFront)
    }

    /// What is to be done with a datagram whose seal is right.
    public enum Verdict: Equatable, Sendable {
        /// It goes up.
        case take
        /// It ends here.
        case drop
        /// It ends here, and this goes out to everybody.
        case say(Speech)
    }

    /// What goes out for one datagram that came.
    public struct Speech: Equatable, Sendable {
        /// One of the questions, and what stands before it.
        public struct Part: Equatable, Sendable {
            public let front: SealedFront
            public let question: SealingQuestion

            /// Makes a part.
            public init(_ front: SealedFront, _ question: SealingQuestion) {
                self.front = front
                self.question = question
            }
        }

        /// The answer to a challenge.
        public var answer: Part?
        /// A challenge.
        public var challenge: Part?
        /// Whether the challenge used the word of chance up.
        public var usesChance = false

        /// Makes a speech.
        public init(answer: Part? = nil, challenge: Part? = nil, usesChance: Bool = false) {
            self.answer = answer
            self.challenge = challenge
            self.usesChance = usesChance
        }
    }

    /// How a datagram leaves.
    public enum Departure: Equatable, Sendable {
        case open
        case sealed(SealedFront)
        /// Not at all, and it is counted.
        case refuse
    }

    /// This node's sender number.
    public let sender: UInt32
    /// This run.
    public let incarnation: UInt64
    /// The link's number; both ends count their links alike.
    public let link: UInt8
    /// How far sealing has come.
    public private(set) var stage = SealingStage.off
    /// The keys.
    public private(set) var keys = SealingKeys()
    /// What was counted.
    public internal(set) var counters = CounterTable<SealingCounter>()

    var senders: [SealingSender] = []
    private var lastSealed: UInt64 = 0
    private var lastQuestion: UInt64 = 0
    private var answersLeft = Self.answerBurst
    private var answersCounted: Instant = .origin

    /// Makes a machine without keys, that seals nothing.
    public init(sender: UInt32, incarnation: UInt64, link: UInt8 = 0) {
        self.sender = sender
        self.incarnation = incarnation
        self.link = link
        senders.reserveCapacity(Self.senderLimit)
    }

    // MARK: Keys and stages

    /// Takes a key in; the first one seals.
    public mutating func add(_ id: UInt8) throws(SealingKeys.Refusal) { try keys.add(id) }

    /// Seals with another key from now on.
    public mutating func use(_ id: UInt8) throws(SealingKeys.Refusal) { try keys.use(id) }

    /// Gives a key up, and every admission that rests on it alone.
    public mutating func remove(_ id: UInt8) throws(SealingKeys.Refusal) {
        try keys.remove(id, whileSealing: stage.seals)
        for place in senders.indices { senders[place].forget(id) }
    }

    /// Goes to another stage.
    public mutating func enter(_ stage: SealingStage) throws(SealingKeys.Refusal) {
        if stage.seals, keys.used == nil { throw .none }
        self.stage = stage
    }

    // MARK: Sending

    /// Decides how a datagram leaves, and remembers its sequence: no sequence is sealed twice.
    public mutating func depart(_ bytes: borrowing RawSpan) -> Departure {
        guard stage.seals, let used = keys.used else { return .open }
        guard let front = SealedFront(bytes), front.sender == sender, front.incarnation == incarnation, !front.isOwn
        else {
            counters.count(.unsealable)
            return .refuse
        }
        guard front.sequence > lastSealed else {
            counters.count(.sequenceRepeated)
            return .refuse
        }
        lastSealed = front.sequence
        return .sealed(
            SealedFront(
                isOwn: false, keyID: used, link: link, sender: sender, incarnation: incarnation,
                sequence: front.sequence))
    }

    // MARK: Receiving

    /// Decides what is to be done with a datagram that came.
    public mutating func inspect(_ bytes: borrowing RawSpan) -> Inspection {
        guard let front = SealedFront(bytes), front.keyID != 0 else {
            guard stage.takesOpen else {
                counters.count(SealedFront(bytes) == nil ? .malformed : .openRefused)
                return .refuse
            }
            counters.count(.openTaken)
            return .take
        }
        guard bytes.byteCount >= SealedFront.size + SealedFront.tagSize else { return refuse(.malformed) }
        guard front.link == link else { return refuse(.wrongLink) }
        guard keys.contains(front.keyID) else { return refuse(.unknownKey) }
        if !front.isOwn, let place = place(of: front.sender), senders[place].hasTaken(front) { return refuse(.replay) }
        return .open(front)
    }

    /// Counts a datagram whose seal is wrong.
    public mutating func sealWasWrong() { counters.count(.badSeal) }

    /// Counts a datagram that could not be sealed.
    public mutating func couldNotSeal() { counters.count(.unsealable) }

    /// Decides about a datagram whose seal is right.
    ///
    /// - Parameters:
    ///   - bytes: the datagram in the clear, without its seal.
    ///   - chance: a word of chance; a challenge may use it up.
    public mutating func opened(
        _ front: SealedFront, _ bytes: borrowing RawSpan, at now: Instant, chance: UInt64
    ) -> Verdict {
        keys.noteOpened(front.keyID, at: now)
        guard front.sender != sender || front.incarnation != incarnation else {
            counters.count(.reflected)
            return .drop
        }
        if front.isOwn {
            guard let question = SealingQuestion(bytes) else {
                counters.count(.malformed)
                return .drop
            }
            return hear(question, front, at: now, chance)
        }
        guard let place = makePlace(for: front.sender, at: now) else {
            counters.count(.beyondSenders)
            return .drop
        }
        guard senders[place].admits(front.incarnation) else {
            counters.count(.stale)
            var speech = Speech()
            ask(place, with: front.keyID, at: now, chance, &speech)
            return speech.challenge == nil ? .drop : .say(speech)
        }
        guard senders[place].take(front) else {
            counters.count(.replay)
            return .drop
        }
        senders[place].heard = now
        counters.count(.sealedTaken)
        return .take
    }

    private mutating func refuse(_ reason: SealingCounter) -> Inspection {
        counters.count(reason)
        return .refuse
    }

    // MARK: Questions

    private mutating func ask(
        _ place: Int, with key: UInt8, at now: Instant, _ chance: UInt64, _ speech: inout Speech
    ) {
        guard let nonce = senders[place].ask(at: now, chance) else { return }
        counters.count(.challengesSent)
        speech.challenge = .init(nextQuestion(key), .challenge(target: senders[place].sender, nonce: nonce))
        speech.usesChance = nonce == chance
    }

    private mutating func hear(
        _ question: SealingQuestion, _ front: SealedFront, at now: Instant, _ chance: UInt64
    ) -> Verdict {
        switch question {
        case .challenge(let target, let nonce):
            guard target == sender else { return .drop }
            guard mayAnswer(at: now) else {
                counters.count(.answersHeldBack)
                return .drop
            }
            counters.count(.answersSent)
            var speech = Speech()
            speech.answer = .init(
                nextQuestion(front.keyID),
                .answer(challenger: front.sender, incarnation: front.incarnation, nonce: nonce, counter: lastSealed))
            if let place = makePlace(for: front.sender, at: now), !senders[place].admits(front.incarnation) {
                ask(place, with: front.keyID, at: now, chance, &speech)
            }
            return .say(speech)
        case .answer(let challenger, let asked, let nonce, let counter):
            guard challenger == sender, asked == incarnation else { return .drop }
            guard let place = place(of: front.sender), senders[place].isAnswer(nonce, at: now) else {
                counters.count(.answersUnasked)
                return .drop
            }
            if senders[place].admit(front, above: counter, at: now) { counters.count(.sendersAdmitted) }
            return .drop
        }
    }

    private mutating func mayAnswer(at now: Instant) -> Bool {
        let grown = now.since(answersCounted).nanoseconds / Self.answerInterval.nanoseconds
        if grown > 0 {
            answersLeft = grown >= UInt64(Self.answerBurst) ? Self.answerBurst : answersLeft + Int(grown)
            answersLeft = min(answersLeft, Self.answerBurst)
            answersCounted = now
        }
        guard answersLeft > 0 else { return false }
        answersLeft -= 1
        return true
    }

    private mutating func nextQuestion(_ key: UInt8) -> SealedFront {
        lastQuestion += 1
        return SealedFront(
            isOwn: true, keyID: key, link: link, sender: sender, incarnation: incarnation, sequence: lastQuestion)
    }

    // MARK: Senders

    private func place(of number: UInt32) -> Int? { senders.firstIndex { $0.sender == number } }

    /// The place of a sender, a new one if need be; nil if there is none left.
    private mutating func makePlace(for number: UInt32, at now: Instant) -> Int? {
        if let known = place(of: number) { return known }
        if senders.count < Self.senderLimit {
            senders.append(SealingSender(sender: number, at: now))
            return senders.count - 1
        }
        // Whoever never answered goes first, then whoever is silent for longest.
        let candidates = senders.indices.filter {
            !senders[$0].isAdmitted || now.since(senders[$0].heard) >= Self.silence
        }
        guard
            let place = candidates.min(by: {
                (senders[$0].isAdmitted ? 1 : 0, senders[$0].heard) < (
                    senders[$1].isAdmitted ? 1 : 0, senders[$1].heard
                )
            })
        else { return nil }
        senders[place] = SealingSender(sender: number, at: now)
        return place
    }
}
