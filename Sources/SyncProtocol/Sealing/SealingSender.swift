internal import StateMachine

/// A sender as a receiver knows it: the run that is admitted, what was taken of it, and what it was asked.
struct SealingSender: Sendable {
    /// What was taken under one key.
    private struct Taken: Sendable {
        let key: UInt8
        var window: ReplayWindow
    }

    /// A nonce that waits for its answer.
    private struct Asked: Sendable {
        let nonce: UInt64
        let since: Instant
    }

    let sender: UInt32
    /// When something of it was last taken, or it came.
    var heard: Instant
    /// The admitted run; it means nothing without a window.
    private var incarnation: UInt64 = 0
    private var taken: [Taken] = []
    private var asked: Asked?
    private var nextAsk: Instant = .origin

    /// Makes a sender of whom nothing is known.
    init(sender: UInt32, at now: Instant) {
        self.sender = sender
        heard = now
    }

    /// Whether a run is admitted.
    var isAdmitted: Bool { !taken.isEmpty }

    /// Whether this run is admitted.
    func admits(_ run: UInt64) -> Bool { isAdmitted && incarnation == run }

    /// Whether a datagram of the admitted run was taken before, as far as its front tells.
    func hasTaken(_ front: SealedFront) -> Bool {
        guard admits(front.incarnation), let place = place(of: front.keyID) else { return false }
        return !taken[place].window.isFresh(front.sequence)
    }

    /// Takes a datagram of the admitted run; false if it was taken before.
    mutating func take(_ front: SealedFront) -> Bool {
        if let place = place(of: front.keyID) { return taken[place].window.take(front.sequence) }
        guard let furthest = taken.max(by: { $0.window.highest < $1.window.highest }) else { return false }
        taken.append(Taken(key: front.keyID, window: furthest.window))
        return taken[taken.count - 1].window.take(front.sequence)
    }

    /// Forgets what was taken under a key.
    ///
    /// If nothing else reaches as far, the sender has to answer anew: a window that lags would let replays in, should
    /// the key come back.
    mutating func forget(_ key: UInt8) {
        guard let gone = taken.first(where: { $0.key == key }) else { return }
        taken.removeAll { $0.key == key }
        if !taken.contains(where: { $0.window.highest >= gone.window.highest }) { taken = [] }
    }

    /// The nonce to send now, made of a word of chance if there is none that still may be answered; nil if it is too
    /// early to ask again.
    mutating func ask(at now: Instant, _ chance: UInt64) -> UInt64? {
        guard nextAsk <= now else { return nil }
        nextAsk = now + SealingMachine.askInterval
        if let asked, now.since(asked.since) < SealingMachine.nonceLife { return asked.nonce }
        asked = Asked(nonce: chance, since: now)
        return chance
    }

    /// Whether this is the nonce that waits for its answer.
    func isAnswer(_ nonce: UInt64, at now: Instant) -> Bool {
        guard let asked else { return false }
        return asked.nonce == nonce && now.since(asked.since) < SealingMachine.nonceLife
    }

    /// Admits the run that has answered; false if it was admitted already.
    mutating func admit(_ front: SealedFront, above counter: UInt64, at now: Instant) -> Bool {
        asked = nil
        heard = now
        if admits(front.incarnation) {
            // The run that is known lives, so what asked for this is old.
            nextAsk = now + SealingMachine.calmInterval
            return false
        }
        incarnation = front.incarnation
        taken = [Taken(key: front.keyID, window: ReplayWindow(above: counter))]
        return true
    }

    private func place(of key: UInt8) -> Int? { taken.firstIndex { $0.key == key } }
}
