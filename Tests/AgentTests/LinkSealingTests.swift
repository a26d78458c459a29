import Bytes
import Configuration
import ControlProtocol
import StateMachine
import SyncProtocol
import SyncTransport
import Testing

@testable import Agent

/// Two and more nodes with their sealing, and a wire between them that everybody hears.
@Suite struct LinkSealingTests {
    static let capacity = 1_400

    /// A node: its sealing, what its engine would have sent and what it has got.
    final class Node {
        let sender: UInt32
        let link: UInt8
        var incarnation: UInt64
        var sequence: UInt64 = 0
        var sealing: LinkSealing
        var got: [UInt64] = []

        init(
            _ sender: UInt32, incarnation: UInt64 = 50, link: UInt8 = 0, _ stage: Configuration.SealingStage,
            _ keys: [SealKey]
        ) {
            self.sender = sender
            self.link = link
            self.incarnation = incarnation
            sealing = LinkSealing(
                SealingPlan(stage: stage, keys: keys), sender: sender, incarnation: incarnation, link: link,
                capacity: capacity)
        }

        /// Starts anew and remembers nothing.
        func restart(_ incarnation: UInt64, _ stage: Configuration.SealingStage, _ keys: [SealKey]) {
            self.incarnation = incarnation
            sequence = 0
            got = []
            sealing = LinkSealing(
                SealingPlan(stage: stage, keys: keys), sender: sender, incarnation: incarnation, link: link,
                capacity: capacity)
        }

        /// Datagrams as an engine makes them, as they leave.
        func send(_ count: Int) -> [[UInt8]] {
            var batch = DatagramBatch(limit: max(count, 1), datagramCapacity: capacity)
            for _ in 0..<count {
                sequence += 1
                var writer = ByteWriter(capacity: capacity)
                DatagramHeader(
                    sender: sender, incarnation: incarnation, term: 1, sequence: sequence, role: .master, inSync: true
                ).encode(into: &writer)
                writer.append(utf8: "plain words of \(sender)")
                writer.withBytes { batch.append($0, link: link) }
            }
            guard sealing.seals else { return LinkSealingTests.bytes(batch) }
            var sent: [[UInt8]] = []
            var next = 0
            while next < batch.count {
                next = sealing.seal(batch, from: next)
                sent += LinkSealingTests.bytes(sealing.sealed)
            }
            return sent
        }

        /// Takes datagrams in; what sealing has to say to that.
        func hear(_ datagrams: [[UInt8]], at now: Instant) -> [[UInt8]] {
            var said: [[UInt8]] = []
            for start in stride(from: 0, to: datagrams.count, by: 16) {
                var batch = DatagramBatch(limit: 16, datagramCapacity: 2_000)
                for datagram in datagrams[start..<min(start + 16, datagrams.count)] {
                    batch.append(datagram.span.bytes)
                }
                sealing.open(&batch, at: now)
                for index in 0..<batch.count {
                    let header = batch.withDatagram(index) { bytes in try? DatagramReader(bytes).header }
                    #expect(header != nil, "what goes up is no open datagram")
                    if let header { got.append(header.sequence) }
                }
                said += LinkSealingTests.bytes(sealing.questions)
            }
            return said
        }

        func order(_ order: SealingOrder) -> ControlReply { sealing.take(order, at: .origin) }
        func count(_ counter: SealingCounter) -> UInt64 { sealing.machine.counters[counter] }
    }

    static func bytes(_ batch: borrowing DatagramBatch) -> [[UInt8]] {
        var all: [[UInt8]] = []
        for index in 0..<batch.count { all.append(batch.withDatagram(index) { [UInt8]($0) }) }
        return all
    }

    /// Lets everybody hear datagrams of one node, and then what that makes the others say, until nobody speaks.
    private func exchange(_ datagrams: [[UInt8]], from speaker: Node, among nodes: [Node], at milliseconds: UInt64 = 0)
    {
        let now = Instant.origin + .milliseconds(milliseconds)
        var waiting = [(speaker.sender, datagrams)]
        var rounds = 0
        while !waiting.isEmpty, rounds < 100 {
            let (origin, datagrams) = waiting.removeFirst()
            for node in nodes where node.sender != origin {
                let said = node.hear(datagrams, at: now)
                if !said.isEmpty { waiting.append((node.sender, said)) }
            }
            rounds += 1
        }
        #expect(rounds < 100, "the nodes never stop asking each other")
    }

    private func key(_ id: UInt8, _ byte: UInt8 = 7) throws -> SealKey {
        var bytes = [UInt8](repeating: byte, count: 32)
        return try #require(SealKey(id: id, wiping: &bytes))
    }

    @Test func `sealed nodes meet by themselves, on a link that all hear, and nothing is in the clear`() throws {
        let nodes = try (1...3).map { Node($0, incarnation: UInt64(50 + $0), .require, [try key(1)]) }
        for (step, node) in nodes.enumerated() {
            // The first datagram makes them ask; what comes behind it is taken.
            exchange(node.send(1), from: node, among: nodes, at: UInt64(step))
            let sent = node.send(100)
            exchange(sent, from: node, among: nodes, at: UInt64(step))
            let plain = Array("plain words".utf8)
            for datagram in sent {
                #expect(!datagram.indices.dropLast(plain.count).contains { datagram[$0...].starts(with: plain) })
            }
        }
        for node in nodes {
            // Of the first datagrams those are lost that their receiver asked about.
            #expect(node.got.filter { $0 > 1 } == Array(2...101) + Array(2...101))
            #expect(node.count(.sendersAdmitted) == 2)
        }
    }

    @Test func `every one-byte mutation of a sealed datagram is refused, and the original still taken`() throws {
        let (one, two) = (Node(1, .require, [try key(1)]), Node(2, .require, [try key(1)]))
        exchange(one.send(1), from: one, among: [one, two])
        let datagram = one.send(1)[0]
        for place in datagram.indices {
            for change in [UInt8(0x01), 0x20, 0xff] {
                var changed = datagram
                changed[place] ^= change
                _ = two.hear([changed], at: .origin)
                #expect(two.got.isEmpty, "byte \(place) changed by \(change)")
            }
        }
        let refused = [SealingCounter.badSeal, .malformed, .unknownKey, .wrongLink, .openRefused, .replay]
            .reduce(0) { $0 + two.count($1) }
        #expect(refused == UInt64(3 * datagram.count))
        _ = two.hear([datagram], at: .origin)
        #expect(two.got == [2])
    }

    @Test func `replays are refused, in any order, and after the receiver's restart as well`() throws {
        let key = try key(1)
        let (one, two) = (Node(1, .require, [key]), Node(2, .require, [key]))
        var recorded = one.send(1)
        let challenges = two.hear(recorded, at: .origin)
        let answers = one.hear(challenges, at: .origin)
        // The answer, and the question back.
        #expect(challenges.count == 1 && answers.count == 2)
        _ = two.hear(answers, at: .origin)
        recorded += one.send(50)
        exchange(Array(recorded.suffix(50)), from: one, among: [one, two])
        #expect(two.got.count == 50)
        exchange(recorded.reversed() + recorded + answers, from: one, among: [two], at: 500)
        #expect(two.got.count == 50)
        two.restart(51, .require, [key])
        // Nobody answers: the sender is gone, and somebody plays its voice.
        for step in UInt64(0)..<20 {
            for datagram in recorded + answers {
                _ = two.hear([datagram], at: Instant.origin + .milliseconds(1_000 + step * 150))
            }
        }
        #expect(two.got.isEmpty && two.count(.sendersAdmitted) == 0)
        // It is there after all: what it says from now on is taken, what it said is not.
        exchange(one.send(1), from: one, among: [one, two], at: 5_000)
        exchange(recorded, from: one, among: [one, two], at: 5_000)
        exchange(one.send(10), from: one, among: [one, two], at: 5_000)
        #expect(two.got.count == 10)
    }

    @Test func `a sender that restarts is taken again, with a clock that went back too`() throws {
        let key = try key(1)
        let (one, two) = (Node(1, incarnation: 1_000, .require, [key]), Node(2, .require, [key]))
        exchange(one.send(1), from: one, among: [one, two])
        let old = one.send(20)
        exchange(old, from: one, among: [one, two])
        one.restart(7, .require, [key])
        exchange(one.send(1), from: one, among: [one, two], at: 2_000)
        exchange(one.send(20), from: one, among: [one, two], at: 2_000)
        #expect(two.got.count == 40 && two.count(.sendersAdmitted) == 2)
        exchange(old, from: one, among: [two], at: 4_000)
        #expect(two.got.count == 40)
    }

    @Test func `a key is rolled over on a live pair without a lost datagram`() throws {
        let (old, new) = (try key(1), try key(2, 9))
        let (one, two) = (Node(1, .require, [old]), Node(2, .require, [old]))
        var sent = 0
        func traffic(_ milliseconds: UInt64) {
            for (node, other) in [(one, two), (two, one)] {
                let before = other.got.count
                exchange(node.send(20), from: node, among: [one, two], at: milliseconds)
                sent += 20
                if milliseconds > 0 { #expect(other.got.count == before + 20, "lost at \(milliseconds)") }
            }
        }
        traffic(0)
        traffic(10)
        let steps: [(Node, SealingOrder)] = [
            (one, .add(new)), (two, .add(new)), (two, .use(2)), (one, .use(2)), (one, .remove(1)), (two, .remove(1)),
        ]
        for (step, (node, order)) in steps.enumerated() {
            guard case .done = node.order(order) else {
                Issue.record("step \(step) was refused")
                continue
            }
            traffic(UInt64(20 + step * 10))
        }
        for node in [one, two] {
            #expect(node.count(.unknownKey) == 0 && node.count(.badSeal) == 0 && node.count(.sendersAdmitted) == 1)
        }
    }

    @Test func `a pair goes from open to sealed and back without a lost datagram`() throws {
        let key = try key(1)
        let (one, two) = (Node(1, .off, []), Node(2, .off, []))
        var milliseconds: UInt64 = 0
        func traffic(admitting: Bool = false) {
            milliseconds += 10
            // The first sealed datagram of a sender is asked about; the engine repairs what it held.
            if admitting {
                for node in [one, two] { exchange(node.send(1), from: node, among: [one, two], at: milliseconds) }
            }
            for (node, other) in [(one, two), (two, one)] {
                let before = other.got.count
                exchange(node.send(20), from: node, among: [one, two], at: milliseconds)
                #expect(other.got.count == before + 20, "lost at step \(milliseconds / 10)")
            }
        }
        traffic()
        let steps: [(Node, SealingOrder, Bool)] = [
            (one, .add(key), false), (two, .add(key), false), (one, .enter(.accept), true),
            (two, .enter(.accept), true), (one, .enter(.require), false), (two, .enter(.require), false),
            (one, .enter(.accept), false), (two, .enter(.accept), false), (one, .enter(.off), false),
            (two, .enter(.off), false), (one, .remove(1), false), (two, .remove(1), false),
        ]
        for (node, order, admitting) in steps {
            guard case .done = node.order(order) else {
                Issue.record("\(order) was refused")
                continue
            }
            traffic(admitting: admitting)
        }
    }

    @Test func `where sealing is required nothing open is taken, whatever it is`() throws {
        let (one, two) = (Node(1, .off, []), Node(2, .require, [try key(1)]))
        let open = one.send(50)
        #expect(two.hear(open + [[], [0xc7], [UInt8](repeating: 0, count: 100)], at: .origin).isEmpty)
        #expect(two.got.isEmpty && two.count(.openRefused) == 50 && two.count(.malformed) == 3)
    }

    @Test func `another key, and the same id with another key, open nothing`() throws {
        let one = Node(1, .require, [try key(1)])
        for (keys, counter) in [([try key(2)], SealingCounter.unknownKey), ([try key(1, 8)], .badSeal)] {
            let two = Node(2, .require, keys)
            #expect(two.hear(one.send(10), at: .origin).isEmpty)
            #expect(two.got.isEmpty && two.count(counter) == 10)
        }
    }

    @Test func `orders that cannot be carried out say why`() throws {
        let node = Node(1, .require, [try key(1)])
        for order in [SealingOrder.remove(1), .use(9), .remove(9), .add(try key(1, 8))] {
            guard case .refused(let text) = node.order(order) else {
                Issue.record("\(order) was not refused")
                continue
            }
            #expect(!text.isEmpty)
        }
        #expect(node.order(.add(try key(1))) == .done("key 1 is here already"))
        let empty = Node(2, .off, [])
        guard case .refused = empty.order(.enter(.require)) else {
            Issue.record("sealed without a key")
            return
        }
        guard case .keys(let listing) = empty.order(.list) else {
            Issue.record("no listing")
            return
        }
        #expect(listing == KeyListing(stage: .off, keys: []))
    }

    @Test func `what is sealed for one link is refused on another, and its questions as well`() throws {
        let keys = [try key(1)]
        let (one, two) = (Node(1, link: 0, .require, keys), Node(2, link: 1, .require, keys))
        exchange(one.send(10), from: one, among: [one, two])
        #expect(two.got.isEmpty && two.count(.wrongLink) == 10 && two.count(.challengesSent) == 0)
        let three = Node(3, link: 1, .require, keys)
        exchange(three.send(1), from: three, among: [one, two, three])
        exchange(three.send(10), from: three, among: [one, two, three])
        #expect(two.got.count == 10 && one.got.isEmpty && one.count(.wrongLink) > 11)
    }

    @Test func `a link seals and opens its own part of a batch alone`() throws {
        let keys = [try key(1)]
        let (one, two) = (Node(1, link: 1, .require, keys), Node(2, link: 1, .require, keys))
        exchange(one.send(1), from: one, among: [one, two])
        let sent = one.send(3)
        var batch = DatagramBatch(limit: 8, datagramCapacity: 2_000)
        // Another link's: neither looked at nor moved.
        let foreign: [UInt8] = [1, 2, 3]
        batch.append(foreign.span.bytes, link: 0)
        for datagram in [sent[0], [0xff], sent[1]] { batch.append(datagram.span.bytes, link: 1) }
        two.sealing.open(&batch, from: 1, at: .origin)
        let left = Self.bytes(batch)
        #expect(left.count == 3 && left[0] == foreign && left[1].count == sent[0].count - SealedFront.tagSize)

        var mixed = DatagramBatch(limit: 8, datagramCapacity: 2_000)
        mixed.append(foreign.span.bytes, link: 0)
        let opened = left[1]
        mixed.append(opened.span.bytes, link: 0)
        let next = one.sealing.seal(mixed, from: 0)
        let sealed = one.sealing.sealed.count
        #expect(next == 2 && sealed == 0 && one.count(.unsealable) == 0)
    }

    @Test func `a full datagram of the engine leaves sealed, all of a large batch`() throws {
        let (one, two) = (Node(1, .require, [try key(1)]), Node(2, .require, [try key(1)]))
        exchange(one.send(1), from: one, among: [one, two])
        let sent = one.send(100)
        #expect(sent.count == 100 && Set(sent.map(\.count)) == [34 + 16 + 16])
        exchange(sent, from: one, among: [one, two])
        #expect(two.got == Array(2...101))
    }
}
