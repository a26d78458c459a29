internal import Bytes
internal import Engine
public import Failover
public import StateMachine

/// What a test, or chance, does to the world.
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

    /// Starts both agents, and gives the addresses to a node.
    public func begin(owner first: Int = 0) {
        for node in nodes { startAgent(node.index) }
        give(to: first, words: .prompt)
        traffic.begin()
    }

    // MARK: Agents and nodes

    /// Starts an agent; a new one has a new incarnation and knows the stored term.
    public func startAgent(_ index: Int) {
        let node = nodes[index]
        guard node.engine == nil, node.isUp else { return }
        node.incarnation += 1
        var settings = EngineSettings(
            nodeName: node.name, incarnation: 1_700_000_000 + node.incarnation, group: "vg",
            hashKey: .init(generator.next(), generator.next()),
            digestKey: .init(generator.next(), generator.next()))
        settings.storedTerm = node.storedTerm
        settings.purgeTimeout = setup.purgeTimeout
        settings.filter = node.filter
        settings.leftOut = setup.leftOut
        note("\(node.name) starts its agent")
        node.role = "starting"
        node.busyTurns = 0
        node.engine = SimulatedNode.SimulatedEngine(
            kernel: SimulatedKernelPort(node.kernel), link: SimulatedLinkPort(network: network, node: index),
            settings: settings, at: clock.now)
        node.wakeAt = clock.now
        // The shell looks for the addresses before the first turn.
        node.engine?.take(.addresses(node.holdsAddresses ? .all : .none), at: clock.now)
        if owner != nil {
            // keepalived is asked for the state that it is in.
            agenda.add(
                .notify(index, owner == index ? .master : .backup), at: clock.now + generator.microseconds(500...9_000))
        }
    }

    /// Kills an agent; the kernel goes on.
    public func killAgent(_ index: Int) {
        let node = nodes[index]
        guard node.engine != nil else { return }
        note("\(node.name) loses its agent")
        node.engine = nil
        node.role = "stopped"
        node.expected.removeAll()
        node.kernel.closeSocket()
        network.inboxes[index].removeAll()
    }

    /// Stops an agent and says goodbye.
    public func endAgent(_ index: Int) {
        nodes[index].engine?.end(at: clock.now)
        killAgent(index)
    }

    /// Lets an agent stand still, as SIGSTOP does.
    public func pause(_ index: Int, for span: Instant.Span) {
        note("\(nodes[index].name) stands still for \(span.milliseconds) ms")
        nodes[index].pausedUntil = clock.now + span
    }

    /// Takes a node's power away: its table is empty when it comes back.
    public func powerOff(_ index: Int) {
        killAgent(index)
        let node = nodes[index]
        note("\(node.name) loses its power")
        node.isUp = false
        node.kernel.reset()
        node.holdsAddresses = false
        if owner == index { owner = nil }
    }

    /// Gives a node its power back.
    public func powerOn(_ index: Int) {
        let node = nodes[index]
        guard !node.isUp else { return }
        note("\(node.name) has power")
        node.isUp = true
        startAgent(index)
    }

    /// Starts an agent, or a node, after a while.
    public func startAgent(_ index: Int, after span: Instant.Span) { agenda.add(.start(index), at: clock.now + span) }
    public func powerOn(_ index: Int, after span: Instant.Span) { agenda.add(.powerOn(index), at: clock.now + span) }

    // MARK: The manager

    /// Moves the addresses, and the traffic with them, and tells the agents.
    public func give(to next: Int, words: Words) {
        guard nodes[next].isUp, owner != next else { return }
        note("the addresses go to \(nodes[next].name), words \(words)")
        if let last = owner { loseAddresses(last, words) }
        owner = next
        let node = nodes[next]
        node.holdsAddresses = true
        node.addressesSince = clock.now
        expectTakeover(by: node)
        agenda.add(.presence(next), at: clock.now + generator.microseconds(100...5_000))
        tell(next, .master, words)
    }

    /// Moves the addresses after a while in which nobody has them.
    public func give(to next: Int, after span: Instant.Span) {
        agenda.add(.takeAddresses(next), at: clock.now + span)
    }

    /// A node's addresses go, and masquerade cleanup takes some of its flows with them.
    private func loseAddresses(_ index: Int, _ words: Words) {
        let node = nodes[index]
        node.holdsAddresses = false
        owner = nil
        guard node.isUp else { return }
        if generator.happens(50) {
            let victims = node.kernelFlows.keys.sorted { $0.text < $1.text }.filter { _ in generator.happens(30) }
            note("\(node.name) loses \(victims.count) flows with its addresses")
            for original in victims { node.kernel.kill(original) }
        }
        agenda.add(.networkWent(index), at: clock.now + generator.microseconds(100...30_000))
        agenda.add(.presence(index), at: clock.now + generator.microseconds(100...30_000))
        tell(index, .backup, words)
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
        case .mend:
            note("the link is mended")
            for place in network.weather.indices { network.weather[place].isCut = false }
        }
    }

    private func wakeNow(_ index: Int) { nodes[index].wakeAt = min(nodes[index].wakeAt, clock.now) }

    // MARK: The link

    /// Cuts the link for a while: what a node sends, or both ways.
    public func cut(from sender: Int?, for span: Instant.Span) {
        note("the link is cut \(sender.map { "from \(nodes[$0].name)" } ?? "both ways") for \(span.milliseconds) ms")
        for place in network.weather.indices where sender == nil || sender == place {
            network.weather[place].isCut = true
        }
        agenda.add(.mend, at: clock.now + span)
    }
}
