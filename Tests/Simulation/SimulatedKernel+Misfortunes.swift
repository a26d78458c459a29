public import Conntrack
public import StateMachine

/// What a kernel may do to an agent, and hosts to a kernel.
extension SimulatedKernel {
    /// A time in which the kernel refuses some writes for no reason that a flow gives.
    public struct Refusing: Sendable {
        public let until: Instant
        /// Of 100 writes, how many.
        public let share: Int
        public let reasons: [WriteRefusal]

        /// Makes such a time.
        public init(until: Instant, share: Int, reasons: [WriteRefusal]) {
            self.until = until
            self.share = share
            self.reasons = reasons
        }
    }

    /// Whether writes are refused by chance now.
    var refuses: Bool { refusing.map { clock.now < $0.until } ?? false }

    /// Why a write is refused by chance, if it is.
    func refusalByChance(of write: FlowWrite) -> WriteRefusal? {
        guard let refusing, clock.now < refusing.until, write.verb != .makeStrict else { return nil }
        guard generator.happens(refusing.share) else { return nil }
        let reason = refusing.reasons[generator.pick(0...refusing.reasons.count - 1)]
        refusedByChance += 1
        refusedAt = clock.now
        // Memory is short when the new entry is made: the old one is gone by then.
        if write.verb == .replace, reason == .noSpace { kill(write.flow.original, origin: .ours) }
        return reason
    }

    /// Lets all entries that are chosen expire at this instant; returns how many.
    @discardableResult
    public func expireAtOnce(where isChosen: (Entry) -> Bool) -> Int {
        let chosen = entries.compactMap { $0 }.filter(isChosen)
        for entry in chosen { setTimeout(entry.flow.original, 0) }
        expire()
        return chosen.count
    }

    /// A host asks a thousand others something, each once: flows that nobody answers and that expire together.
    public func flood(_ count: Int, timeout: UInt32) {
        for number in 0..<UInt32(count) where self.count < limit {
            let original = Tuple(
                source: Address(ipv4: 0xc0a8_0afa), destination: Address(ipv4: 0xc633_0000 + number),
                sourceKey: UInt16(generator.pick(1_024...65_535)), destinationKey: 53, family: .ipv4, protocol: .udp)
            let flow = Flow(original: original, reply: original.inverted, status: .confirmed)
            if isFree(flow) { track(flow, timeout: timeout) }
        }
    }
}
