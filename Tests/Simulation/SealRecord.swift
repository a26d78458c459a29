internal import Bytes
internal import StateMachine
internal import SyncProtocol

/// All that nodes have sealed in a run of the world: the truth against which is held what engines are handed.
final class SealRecord {
    /// What a nonce is made of, with the key that it belongs to.
    private struct Use: Hashable {
        let sender: UInt32
        let incarnation: UInt64
        let key: UInt8
        let prefix: UInt32
        let sequence: UInt64
    }

    let clock: VirtualClock
    private let problem: (String) -> Void
    private var uses: Set<Use> = []
    private var sealedAt: [UInt64: Instant] = [:]

    /// Begins a record; what must not be is told.
    init(clock: VirtualClock, problem: @escaping (String) -> Void) {
        self.clock = clock
        self.problem = problem
    }

    /// Notes what a node seals.
    func sealed(_ clear: [UInt8], _ front: SealedFront) {
        let use = Use(
            sender: front.sender, incarnation: front.incarnation, key: front.keyID, prefix: front.noncePrefix,
            sequence: front.sequence)
        if !uses.insert(use).inserted { problem("a nonce seals twice: \(front)") }
        sealedAt[Self.number(of: clear, over: front.link)] = clock.now
    }

    /// Judges a datagram that an engine is handed; returns the number by which it is known.
    func judge(_ clear: [UInt8], over link: UInt8, at node: String, runningSince start: Instant) -> UInt64 {
        let number = Self.number(of: clear, over: link)
        if let sealed = sealedAt[number] {
            // Whoever restarts remembers nothing, and must not take for new what is as old as that.
            if sealed < start { problem("\(node) takes a datagram that was sealed before its start") }
        } else {
            problem("\(node) takes a datagram that no node sealed")
        }
        return number
    }

    /// Tells of something that must not be.
    func report(_ text: String) { problem(text) }

    private static func number(of clear: [UInt8], over link: UInt8) -> UInt64 {
        KeyedSeal.fingerprint(clear, SipHash.Key(0x7265_636f_7264, UInt64(link)))
    }
}
