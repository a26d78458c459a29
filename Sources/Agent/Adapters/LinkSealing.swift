internal import Bytes
internal import Configuration
internal import ControlProtocol
internal import LinuxIO
internal import StateMachine
internal import SyncProtocol
internal import SyncTransport

/// The sealing of one link, between the datagrams of the wire and those of the engine, which sees open ones only.
///
/// The machine decides, the seal does, and what sealing itself has to say is handed to the link.
struct LinkSealing: ~Copyable {
    /// Datagrams that are sealed for one system call; each takes a page of memory once it was used.
    static let batchLimit = 32
    /// Questions that one batch of datagrams can make; further ones are asked again by those who need them.
    static let questionLimit = 16

    private(set) var machine: SealingMachine
    private var seal: DatagramSeal
    /// What `seal` has made ready for the link.
    private(set) var sealed: DatagramBatch
    /// What `open` has made ready for the link: challenges and answers.
    private(set) var questions: DatagramBatch
    private var writer = ByteWriter(capacity: SealingQuestion.datagramSize)
    private var chance = KernelRandom.word()

    /// Begins as planned.
    ///
    /// - Parameters:
    ///   - link: the link's number, alike on all nodes.
    ///   - capacity: bytes of a datagram at most, as the engine makes them.
    init(_ plan: SealingPlan, sender: UInt32, incarnation: UInt64, link: UInt8, capacity: Int) {
        machine = SealingMachine(sender: sender, incarnation: incarnation, link: link)
        seal = DatagramSeal(sender: sender, incarnation: incarnation, frontSize: SealedFront.size)
        sealed = DatagramBatch(limit: Self.batchLimit, datagramCapacity: capacity + SealedFront.tagSize)
        questions = DatagramBatch(limit: Self.questionLimit, datagramCapacity: SealingQuestion.datagramSize)
        for key in plan.keys { _ = add(key) }
        _ = enter(.init(plan.stage))
    }

    /// Whether what is sent is sealed.
    var seals: Bool { machine.stage.seals }

    /// How far sealing has come.
    var stage: ControlProtocol.SealingStage { .init(machine.stage) }

    // MARK: Datagrams

    /// Seals the link's datagrams from a place on into `sealed`, as many as fit, and says where to go on.
    mutating func seal(_ datagrams: borrowing DatagramBatch, from first: Int) -> Int {
        sealed.removeAll()
        var index = first
        while index < datagrams.count, !sealed.isFull {
            guard datagrams.link(of: index) == machine.link else {
                index += 1
                continue
            }
            switch datagrams.withDatagram(index, { machine.depart($0) }) {
            case .open: datagrams.withDatagram(index) { sealed.append($0, source: datagrams.source(of: index)) }
            case .refuse: break
            case .sealed(let front):
                datagrams.withDatagram(index) { sealed.append($0, source: datagrams.source(of: index)) }
                let place = sealed.count - 1
                sealed.patch(place, front.keyID, at: SealedFront.keyOffset)
                sealed.patch(place, front.link, at: SealedFront.linkOffset)
                if !seal.seal(&sealed, place, key: front.keyID, .init(front)) {
                    machine.couldNotSeal()
                    sealed.keepFirst(place)
                }
            }
            index += 1
        }
        return index
    }

    /// Opens the datagrams from a place on where they are and removes those that are refused; what is to be said is in
    /// `questions`.
    mutating func open(_ datagrams: inout DatagramBatch, from first: Int = 0, at now: Instant) {
        questions.removeAll()
        var kept = first
        for index in first..<datagrams.count {
            switch datagrams.withDatagram(index, { machine.inspect($0) }) {
            case .refuse: continue
            case .take: break
            case .open(let front):
                guard seal.open(&datagrams, index, from: .init(front), .init(front)) else {
                    machine.sealWasWrong()
                    continue
                }
                let verdict = datagrams.withDatagram(index) {
                    machine.opened(front, $0, at: now, chance: chance)
                }
                guard follow(verdict) else { continue }
                datagrams.patch(index, 0, at: SealedFront.keyOffset)
                datagrams.patch(index, 0, at: SealedFront.linkOffset)
            }
            datagrams.move(index, to: kept)
            kept += 1
        }
        datagrams.keepFirst(kept)
    }

    /// Does what was decided about an opened datagram; whether it goes up.
    private mutating func follow(_ verdict: SealingMachine.Verdict) -> Bool {
        switch verdict {
        case .take: return true
        case .drop: return false
        case .say(let speech):
            if speech.usesChance { chance = KernelRandom.word() }
            if let answer = speech.answer { say(answer) }
            if let challenge = speech.challenge { say(challenge) }
            return false
        }
    }

    private mutating func say(_ part: SealingMachine.Speech.Part) {
        guard !questions.isFull else { return }
        writer.rewind()
        part.question.encode(part.front, into: &writer)
        writer.withBytes { questions.append($0) }
        if !seal.seal(&questions, questions.count - 1, key: part.front.keyID, .init(part.front)) {
            machine.couldNotSeal()
            questions.keepFirst(questions.count - 1)
        }
    }

    // MARK: Keys

    /// Carries out what was ordered about the keys.
    mutating func take(_ order: SealingOrder, at now: Instant) -> ControlReply {
        switch order {
        case .add(let key): add(key)
        case .use(let id): use(id)
        case .remove(let id): remove(id)
        case .enter(let stage): enter(.init(stage))
        case .list: .keys(listing(at: now))
        }
    }

    private mutating func add(_ key: SealKey) -> ControlReply {
        if let known = seal.key(key.id) {
            return known.isSame(as: key)
                ? .done("key \(key.id) is here already")
                : .refused("another key with the id \(key.id) is here: remove it, or make one with another id")
        }
        do throws(SealingKeys.Refusal) { try machine.add(key.id) } catch { return .refused(error.text(key.id)) }
        seal.add(key)
        return .done("key \(key.id) (\(key.fingerprint)) opens datagrams now; \(Self.reminder)")
    }

    private mutating func use(_ id: UInt8) -> ControlReply {
        do throws(SealingKeys.Refusal) { try machine.use(id) } catch { return .refused(error.text(id)) }
        let what = seals ? "key \(id) seals now" : "key \(id) will seal, in another stage than off"
        return .done("\(what); \(Self.reminder)")
    }

    private mutating func remove(_ id: UInt8) -> ControlReply {
        do throws(SealingKeys.Refusal) { try machine.remove(id) } catch { return .refused(error.text(id)) }
        seal.remove(id)
        return .done("key \(id) is gone, and wiped; \(Self.reminder)")
    }

    private mutating func enter(_ stage: SyncProtocol.SealingStage) -> ControlReply {
        do throws(SealingKeys.Refusal) { try machine.enter(stage) } catch { return .refused(error.text(0)) }
        return .done("sealing is in stage \(stage.rawValue) now; \(Self.reminder)")
    }

    private static let reminder = "a restarted agent does as its configuration says"

    private func listing(at now: Instant) -> KeyListing {
        KeyListing(
            stage: stage,
            keys: machine.keys.keys.map { key in
                .init(
                    id: key.id, seals: machine.stage.seals && key.id == machine.keys.used,
                    fingerprint: seal.key(key.id)?.fingerprint ?? "", opened: key.opened,
                    lastOpenedMilliseconds: key.lastOpened.map { now.since($0).milliseconds })
            })
    }
}

/// What is ordered about the keys of a link.
enum SealingOrder: Sendable {
    case add(SealKey)
    case use(UInt8)
    case remove(UInt8)
    case enter(ControlProtocol.SealingStage)
    case list
}

extension SealingKeys.Refusal {
    /// The sentence for the operator.
    fileprivate func text(_ id: UInt8) -> String {
        switch self {
        case .unusableID: "a key's id is 1 to 255"
        case .known: "a key with the id \(id) is here"
        case .unknown: "no key with the id \(id) is here: ctsync-ha key list"
        case .full: "there are \(SealingKeys.limit) keys already: remove one"
        case .inUse: "key \(id) seals what is sent: ctsync-ha key use another one first"
        case .none: "nothing can be sealed without a key: ctsync-ha key add"
        }
    }
}

extension DatagramSeal.Nonce {
    fileprivate init(_ front: SealedFront) { self.init(prefix: front.noncePrefix, counter: front.sequence) }
}

extension DatagramSeal.Origin {
    fileprivate init(_ front: SealedFront) {
        self.init(key: front.keyID, sender: front.sender, incarnation: front.incarnation)
    }
}

extension SyncProtocol.SealingStage {
    fileprivate init(_ stage: Configuration.SealingStage) {
        switch stage {
        case .off: self = .off
        case .accept: self = .accept
        case .require: self = .require
        }
    }
}

extension SyncProtocol.SealingStage {
    fileprivate init(_ stage: ControlProtocol.SealingStage) {
        switch stage {
        case .off: self = .off
        case .accept: self = .accept
        case .require: self = .require
        }
    }
}

extension ControlProtocol.SealingStage {
    fileprivate init(_ stage: SyncProtocol.SealingStage) {
        switch stage {
        case .off: self = .off
        case .accept: self = .accept
        case .require: self = .require
        }
    }
}
