internal import Bytes
internal import Engine
internal import Failover
public import StateMachine

/// Nodes and their agents: they start, end, stand still and lose their power.
extension World {
    /// Nanoseconds since 1970 at the beginning of a run.
    private static let beginning: UInt64 = 1_700_000_000_000_000_000

    /// Starts all agents, and gives the addresses to a node.
    public func begin(owner first: Int = 0) {
        for node in nodes { startAgent(node.index) }
        give(to: first, words: .prompt)
        traffic.begin()
        if let interval = setup.watchInterval { watched.next = clock.now + interval }
    }

    /// Another node than this one, by chance where there are several.
    public func another(than index: Int) -> Int {
        guard nodes.count > 2 else { return 1 - index }
        let others = nodes.indices.filter { $0 != index }
        return others[generator.pick(0...others.count - 1)]
    }

    /// Starts an agent; a new one has a new incarnation and knows the stored term.
    public func startAgent(_ index: Int) {
        let node = nodes[index]
        guard node.engine == nil, node.isUp else { return }
        node.storedIncarnation = Incarnation(startTime: wallClock(of: node), stored: node.storedIncarnation).number
        var settings = EngineSettings(
            nodeName: node.name, incarnation: node.storedIncarnation, group: "vg",
            hashKey: .init(generator.next(), generator.next()),
            digestKey: .init(generator.next(), generator.next()))
        settings.storedTerm = node.storedTerm
        settings.purgeTimeout = setup.purgeTimeout
        settings.isHot = setup.isHot
        settings.filter = node.filter
        settings.leftOut = setup.leftOut
        // As an agent does whose links name all their peers.
        if !setup.isShared.contains(true) { settings.peerLimit = nodes.count - 1 }
        if setup.wireVersions.indices.contains(index) { settings.wireVersions = setup.wireVersions[index] }
        note("\(node.name) starts its agent")
        node.role = "starting"
        node.roleAtTurn = "starting"
        node.busyTurns = 0
        node.run += 1
        node.process = SimulatedProcess()
        node.engine = SimulatedNode.SimulatedEngine(
            kernel: SimulatedKernelPort(node.kernel, process: node.process), link: linkPort(of: node, settings),
            settings: settings, at: clock.now)
        node.wakeAt = clock.now
        // The shell looks for the addresses before the first turn.
        node.engine?.take(.addresses(node.holdsAddresses ? .all : .none), at: clock.now)
        if owner != nil {
            // keepalived is asked for the state that it is in.
            agenda.add(
                .notify(index, node.holdsAddresses ? .master : .backup),
                at: clock.now + generator.microseconds(500...9_000))
        }
    }

    private func wallClock(of node: SimulatedNode) -> UInt64 {
        let time = Int64(Self.beginning + clock.now.nanoseconds) + node.clockOffset
        return UInt64(max(0, time))
    }

    private func linkPort(of node: SimulatedNode, _ settings: EngineSettings) -> SimulatedLinkPort {
        var port = SimulatedLinkPort(network: network, node: node.index, process: node.process)
        guard let ring = node.ring, let record else { return port }
        for link in 0..<network.linkCount {
            port.sealing.append(
                SimulatedSealing(
                    ring, node: node.name, sender: settings.sender, incarnation: settings.incarnation, link: link,
                    seed: generator.next(), record: record))
        }
        return port
    }

    /// Kills an agent; the kernel goes on.
    public func killAgent(_ index: Int) {
        let node = nodes[index]
        guard node.engine != nil else { return }
        note("\(node.name) loses its agent")
        node.engine = nil
        node.role = "stopped"
        node.roleAtTurn = "stopped"
        node.expected.removeAll()
        node.kernel.closeSocket()
        network.inboxes[index].removeAll()
    }

    /// An agent whose process came to its end in a turn: nobody hears what it would have said.
    func dieInTurn(_ node: SimulatedNode) {
        note("\(node.name) dies in its turn")
        killAgent(node.index)
        startAgent(node.index, after: node.restart)
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
        leave(index)
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
}
