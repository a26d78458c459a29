internal import Bytes
internal import StateMachine
internal import SyncProtocol

/// The sealing of one link in one run of an agent, as the shell does it, with a record that judges it.
struct SimulatedSealing {
    /// What comes of a datagram that arrived.
    struct Opening {
        /// What the engine is handed.
        var clear: [UInt8]?
        /// What is to be put on the link.
        var questions: [[UInt8]] = []
    }

    private(set) var machine: SealingMachine
    private let node: String
    private let record: SealRecord
    private let start: Instant
    private var generator: SeededGenerator
    private var chance: UInt64
    private var taken: Set<UInt64> = []

    /// Begins as a node's configuration says.
    init(
        _ ring: KeyRing, node: String, sender: UInt32, incarnation: UInt64, link: Int, seed: UInt64, record: SealRecord
    ) {
        machine = SealingMachine(sender: sender, incarnation: incarnation, link: UInt8(link))
        self.node = node
        self.record = record
        start = record.clock.now
        generator = SeededGenerator(seed: seed)
        chance = generator.next()
        for key in ring.keys { take(.add(key)) }
        if let used = ring.used { take(.use(used)) }
        take(.enter(ring.stage))
    }

    /// Carries out what was ordered.
    mutating func take(_ order: KeyRing.Order) {
        do throws(SealingKeys.Refusal) {
            switch order {
            case .add(let id): try machine.add(id)
            case .use(let id): try machine.use(id)
            case .remove(let id): try machine.remove(id)
            case .enter(let stage): try machine.enter(stage)
            }
        } catch {
            record.report("\(node) refuses an order about its keys, \(order): \(error)")
        }
    }

    /// The datagram as it goes over the link; nil if it does not.
    mutating func seal(_ clear: [UInt8]) -> [UInt8]? {
        switch clear.withBytes({ machine.depart($0) }) {
        case .open: return clear
        case .refuse:
            record.report("\(node) cannot seal what its engine sends")
            return nil
        case .sealed(let front): return seal(clear, front)
        }
    }

    /// Opens what came over the link.
    mutating func open(_ bytes: [UInt8]) -> Opening {
        var opening = Opening()
        switch bytes.withBytes({ machine.inspect($0) }) {
        case .refuse: break
        case .take:
            if !machine.stage.takesOpen { record.report("\(node) takes an open datagram where sealing is required") }
            opening.clear = bytes
        case .open(let front):
            guard var clear = KeyedSeal.open(bytes, front) else {
                machine.sealWasWrong()
                break
            }
            switch clear.withBytes({ machine.opened(front, $0, at: record.clock.now, chance: chance) }) {
            case .drop: break
            case .say(let speech):
                if speech.usesChance { chance = generator.next() }
                for part in [speech.answer, speech.challenge] {
                    guard let part else { continue }
                    var writer = ByteWriter(capacity: SealingQuestion.datagramSize)
                    part.question.encode(part.front, into: &writer)
                    opening.questions.append(seal(writer.withBytes { [UInt8]($0) }, part.front))
                }
            case .take:
                clear[SealedFront.keyOffset] = 0
                clear[SealedFront.linkOffset] = 0
                let number = record.judge(clear, over: front.link, at: node, runningSince: start)
                if !taken.insert(number).inserted { record.report("\(node) takes a datagram twice: \(front)") }
                opening.clear = clear
            }
        }
        return opening
    }

    private mutating func seal(_ clear: [UInt8], _ front: SealedFront) -> [UInt8] {
        record.sealed(clear, front)
        return KeyedSeal.seal(clear, front)
    }
}
