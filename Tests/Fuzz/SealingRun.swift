import Bytes
import Simulation
import StateMachine

@testable import SyncProtocol

/// A sender and a receiver with a sealing machine each, and the wire between them.
///
/// The cipher is left out: see `KeyedSeal`.
struct SealingRun {
    /// What a nonce is made of, with the key that it belongs to.
    private struct Use: Hashable {
        let sender: UInt32
        let incarnation: UInt64
        let key: UInt8
        let prefix: UInt32
        let sequence: UInt64
    }

    /// One datagram of one run of the sender.
    private struct Word: Hashable {
        let incarnation: UInt64
        let sequence: UInt64
    }

    private static let memory = 48
    private static let senderNumber: UInt32 = 1
    private static let receiverNumber: UInt32 = 2

    private var now = Instant(nanoseconds: 1_000_000_000_000)
    private var sender: SealingMachine
    private var receiver: SealingMachine
    private var sequence: UInt64 = 0
    private var chance: UInt64 = 7
    private var wire: [[UInt8]] = []
    private var used: Set<Use> = []
    private var sent: Set<Word> = []
    private var taken: Set<Word> = []
    private var others: UInt64 = 0

    init() {
        sender = SealingMachine(sender: Self.senderNumber, incarnation: 100)
        receiver = SealingMachine(sender: Self.receiverNumber, incarnation: 200)
        for id in [1, 2] as [UInt8] {
            try? sender.add(id)
            try? receiver.add(id)
        }
        try? sender.enter(.require)
        try? receiver.enter(.require)
    }

    mutating func step(_ input: inout FuzzInput) throws(FuzzFailure) {
        switch input.below(9) {
        case 0: try send(ahead: UInt64(input.below(4)))
        case 1: try deliver(recent(&input), toReceiver: !input.flag())
        case 2: try deliver(changed(&input), toReceiver: !input.flag())
        case 3: pass(milliseconds: UInt64(input.byte()) * UInt64(input.byte()))
        case 4: receiver = restarted(receiver)
        case 5:
            sender = restarted(sender)
            sequence = 0
        case 6: order(&input)
        case 7: try? receiver.enter(input.flag() ? .accept : .require)
        default: try speak(as: 10 + UInt32(input.below(24)))
        }
    }

    /// Without an adversary, and with a key that both have, what is sent is taken again.
    mutating func recover() throws(FuzzFailure) {
        try? sender.add(1)
        try? receiver.add(1)
        try? sender.use(1)
        try? receiver.use(1)
        try? sender.enter(.require)
        try? receiver.enter(.require)
        guard sender.keys.contains(1), receiver.keys.contains(1) else { return }
        // Those who are silent give their places up, and both may ask and answer again.
        pass(milliseconds: SealingMachine.silence.nanoseconds / 1_000_000)
        let before = taken.count
        for _ in 0..<4 {
            try send(ahead: 1)
            for _ in 0..<3 {
                guard let last = wire.last else { return }
                try deliver(last, toReceiver: true)
                guard let next = wire.last else { return }
                try deliver(next, toReceiver: false)
            }
            guard let answer = wire.last else { return }
            try deliver(answer, toReceiver: true)
            pass(milliseconds: 200)
        }
        try hold(taken.count > before, "an honest sender is not heard any more")
    }

    private mutating func pass(milliseconds: UInt64) { now = now + .milliseconds(milliseconds) }

    // MARK: Nodes

    /// A new run, which has its keys from its files and remembers nothing else.
    private func restarted(_ machine: SealingMachine) -> SealingMachine {
        var fresh = SealingMachine(sender: machine.sender, incarnation: machine.incarnation + 1)
        for key in machine.keys.keys { try? fresh.add(key.id) }
        if let used = machine.keys.used { try? fresh.use(used) }
        try? fresh.enter(machine.stage)
        return fresh
    }

    private mutating func order(_ input: inout FuzzInput) {
        let isReceiver = input.flag()
        let what = input.below(3)
        let id = UInt8(1 + input.below(4))
        var machine = isReceiver ? receiver : sender
        switch what {
        case 0: try? machine.add(id)
        case 1: try? machine.use(id)
        default: try? machine.remove(id)
        }
        if isReceiver { receiver = machine } else { sender = machine }
    }

    private mutating func send(ahead: UInt64) throws(FuzzFailure) {
        // The engine counts up; a step of none is what it never does, and must not seal.
        sequence += ahead
        let clear = datagram(Self.senderNumber, sender.incarnation, sequence)
        switch clear.withBytes({ sender.depart($0) }) {
        case .open: put(clear)
        case .refuse: break
        case .sealed(let front):
            try seal(clear, front)
            sent.insert(Word(incarnation: front.incarnation, sequence: front.sequence))
        }
    }

    /// Another node of the link that has key 1.
    private mutating func speak(as number: UInt32) throws(FuzzFailure) {
        others += 1
        let front = SealedFront(
            isOwn: false, keyID: 1, link: 0, sender: number, incarnation: 1, sequence: others)
        try seal(datagram(number, 1, others), front)
    }

    private func datagram(_ sender: UInt32, _ incarnation: UInt64, _ sequence: UInt64) -> [UInt8] {
        var writer = DatagramWriter(capacity: 512)
        writer.begin(
            DatagramHeader(
                sender: sender, incarnation: incarnation, term: 1, sequence: sequence, role: .master, inSync: true))
        _ = writer.append(.farewell)
        return writer.withBytes { [UInt8]($0) }
    }

    // MARK: Seals

    private mutating func seal(_ clear: [UInt8], _ front: SealedFront) throws(FuzzFailure) {
        let use = Use(
            sender: front.sender, incarnation: front.incarnation, key: front.keyID, prefix: front.noncePrefix,
            sequence: front.sequence)
        try hold(used.insert(use).inserted, "a nonce seals twice: \(use)")
        put(KeyedSeal.seal(clear, front))
    }

    // MARK: The wire

    private mutating func put(_ bytes: [UInt8]) {
        if wire.count == Self.memory { wire.removeFirst() }
        wire.append(bytes)
    }

    private func recent(_ input: inout FuzzInput) -> [UInt8] {
        let back = Int(input.byte())
        return wire.isEmpty ? [] : wire[wire.count - 1 - back % wire.count]
    }

    private func changed(_ input: inout FuzzInput) -> [UInt8] {
        var bytes = recent(&input)
        guard !bytes.isEmpty else { return input.bytes(40) }
        for _ in 0...input.below(2) { bytes[input.below(bytes.count)] = input.byte() }
        if input.below(4) == 3 { bytes.removeLast(min(bytes.count, Int(input.byte()))) }
        return bytes
    }

    private mutating func deliver(_ bytes: [UInt8], toReceiver: Bool) throws(FuzzFailure) {
        var machine = toReceiver ? receiver : sender
        defer { if toReceiver { receiver = machine } else { sender = machine } }
        switch bytes.withBytes({ machine.inspect($0) }) {
        case .refuse: return
        case .take:
            try hold(machine.stage.takesOpen, "an open datagram is taken where sealing is required")
        case .open(let front):
            try hold(machine.keys.contains(front.keyID), "a key that is not here is asked for")
            guard let clear = KeyedSeal.open(bytes, front) else { return machine.sealWasWrong() }
            chance &+= 0x9e37_79b9_7f4a_7c15
            let verdict = clear.withBytes { machine.opened(front, $0, at: now, chance: chance) }
            switch verdict {
            case .drop: return
            case .take: try note(front, atReceiver: toReceiver)
            case .say(let speech):
                for part in [speech.answer, speech.challenge] {
                    guard let part else { continue }
                    var writer = ByteWriter(capacity: SealingQuestion.datagramSize)
                    part.question.encode(part.front, into: &writer)
                    try seal(writer.withBytes { [UInt8]($0) }, part.front)
                }
            }
        }
    }

    private mutating func note(_ front: SealedFront, atReceiver: Bool) throws(FuzzFailure) {
        guard atReceiver, front.sender == Self.senderNumber else { return }
        let word = Word(incarnation: front.incarnation, sequence: front.sequence)
        try hold(!front.isOwn && sent.contains(word), "\(front) is taken, and was not sent")
        try hold(taken.insert(word).inserted, "\(front) is taken twice")
    }
}
