internal import Conntrack
internal import Engine
public import Failover
public import StateMachine

/// The failover manager: who holds the addresses, and what the agents are told of it.
extension World {
    /// How the manager's words reach the agents.
    public enum Words: CaseIterable, Sendable {
        case prompt
        /// Up to a second and a half later.
        case late
        case doubled
        /// The old word comes after the new one.
        case inverted
        /// None come; the addresses tell.
        case missing
    }

    /// Moves the addresses, and the traffic with them, and tells the agents.
    public func give(to next: Int, words: Words) {
        guard nodes[next].isUp, owner != next else { return }
        note("the addresses go to \(nodes[next].name), words \(words)")
        if rival == next { rival = nil }
        if let last = owner { loseAddresses(last, words) }
        // In a split the other one keeps them.
        rival = owner
        owner = next
        take(next, words)
    }

    /// Moves the addresses after a while in which nobody has them.
    public func give(to next: Int, after span: Instant.Span) {
        agenda.add(.takeAddresses(next), at: clock.now + span)
    }

    /// Splits the manager for a while: another node takes the addresses too, and each forwards a part of the traffic.
    public func split(with next: Int, for span: Instant.Span) {
        guard let owner, owner != next, rival == nil, nodes[next].isUp else { return }
        note("\(nodes[next].name) takes the addresses too, for \(span.milliseconds) ms")
        rival = next
        take(next, .prompt)
        agenda.add(.endSplit, at: clock.now + span)
    }

    /// Ends a split: one of the two gives way.
    func endSplit() {
        guard let first = owner, let second = rival else { return }
        let (winner, loser) = generator.happens(50) ? (first, second) : (second, first)
        note("\(nodes[loser].name) gives way to \(nodes[winner].name)")
        rival = nil
        loseAddresses(loser, .prompt)
        owner = winner
    }

    private func take(_ index: Int, _ words: Words) {
        let node = nodes[index]
        if !node.holdsAddresses { node.addressesSince = clock.now }
        node.holdsAddresses = true
        expectTakeover(by: node)
        agenda.add(.presence(index), at: clock.now + generator.microseconds(100...5_000))
        tell(index, .master, words)
    }

    /// A node holds the addresses no more, for whatever reason.
    func leave(_ index: Int) {
        nodes[index].holdsAddresses = false
        if rival == index { rival = nil }
        guard owner == index else { return }
        owner = rival
        rival = nil
    }

    /// A node's addresses go, and masquerade cleanup takes some of its flows with them.
    private func loseAddresses(_ index: Int, _ words: Words) {
        let node = nodes[index]
        leave(index)
        guard node.isUp else { return }
        if generator.happens(50) {
            let victims = node.kernelFlows.keys.sorted(by: Self.isBefore).filter { _ in generator.happens(30) }
            note("\(node.name) loses \(victims.count) flows with its addresses")
            for original in victims { node.kernel.kill(original) }
        }
        agenda.add(.networkWent(index), at: clock.now + generator.microseconds(100...30_000))
        agenda.add(.presence(index), at: clock.now + generator.microseconds(100...30_000))
        tell(index, .backup, words)
    }

    /// An order without ties: the same ports may be used by TCP and UDP, and a dictionary has no order of its own.
    private static func isBefore(_ one: Tuple, _ other: Tuple) -> Bool {
        (one.text, one.protocol.rawValue) < (other.text, other.protocol.rawValue)
    }

    private func tell(_ index: Int, _ state: RoleNotification.State, _ words: Words) {
        let soon = clock.now + generator.microseconds(500...40_000)
        switch words {
        case .prompt:
            agenda.add(.notify(index, state), at: soon)
        case .late:
            agenda.add(.notify(index, state), at: clock.now + generator.microseconds(100_000...1_500_000))
        case .doubled:
            agenda.add(.notify(index, state), at: soon)
            agenda.add(.notify(index, state), at: soon + generator.microseconds(10...100_000))
        case .inverted:
            agenda.add(.notify(index, state), at: soon)
            agenda.add(.notify(index, state == .master ? .backup : .master), at: soon + .microseconds(10))
        case .missing:
            break
        }
    }

    /// The manager says something to a node, true or not.
    public func tell(_ index: Int, _ state: RoleNotification.State) {
        keep(.notify(index, state))
    }

    // MARK: Appointments

    /// What has been appointed happens.
    func keep(_ appointment: Appointment) {
        switch appointment {
        case .notify(let index, _), .presence(let index), .networkWent(let index):
            // Words wait for an agent that stands still.
            guard nodes[index].pausedUntil <= clock.now else {
                return agenda.add(appointment, at: nodes[index].pausedUntil)
            }
        default: break
        }
        switch appointment {
        case .notify(let index, let state):
            note("\(nodes[index].name) is told \(state.rawValue)")
            nodes[index].engine?.take(.notify(RoleNotification(.group, "vg", state), from: .fifo), at: clock.now)
            wakeNow(index)
        case .presence(let index):
            nodes[index].engine?.take(.addresses(nodes[index].holdsAddresses ? .all : .none), at: clock.now)
            wakeNow(index)
        case .networkWent(let index):
            nodes[index].engine?.take(.networkWent, at: clock.now)
            wakeNow(index)
        case .start(let index): startAgent(index)
        case .powerOn(let index): powerOn(index)
        case .takeAddresses(let index):
            if owner == nil { give(to: index, words: .prompt) }
        case .mend: mend()
        case .endSplit: endSplit()
        case .order(let index, let order): carryOut(order, at: nodes[index])
        case .forge: forge()
        case .lengthenQueue(let index): nodes[index].kernel.queueLimit = SimulatedKernel.usualQueueLimit
        case .lookAgain(let look): take(look)
        }
    }

    private func wakeNow(_ index: Int) { nodes[index].wakeAt = min(nodes[index].wakeAt, clock.now) }
}
