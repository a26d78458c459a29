internal import Failover
internal import StateMachine

/// A run that chance writes: faults for a while, then none, then the promise is put to the test.
extension World {
    /// Lets chance do its worst for a while, heals everything, and checks what must hold then.
    public func runByChance() {
        begin(owner: generator.pick(0...nodes.count - 1))
        run(for: .seconds(4))
        let end = clock.now + setup.faultsFor
        while clock.now < end {
            doHarm()
            run(for: generator.microseconds(50_000...2_500_000))
        }
        heal()
        run(for: .seconds(6))
        guard settle() else { return }
        run(for: .seconds(4))
        guard settle() else { return }
        run(for: .seconds(2))
        let before = traffic.broken.count
        note("the last handover")
        if let owner { give(to: another(than: owner), words: .prompt) }
        run(for: .seconds(8))
        checkBroken(since: before)
        settle()
        checkMemory()
    }

    /// One misfortune.
    private func doHarm() {
        let node = generator.pick(0...nodes.count - 1)
        let misfortune = setup.misfortunes[generator.pick(0...setup.misfortunes.count - 1)]
        guard befall(misfortune, node) else { return }
        misfortunes.count(misfortune)
        if generator.happens(30) { stirOwnFlows() }
        if generator.happens(20) { nodes[node].kernel.interruptsNextDump = true }
    }

    /// No more faults: fair weather, all agents, one master, and all are told so.
    public func heal() {
        note("no more faults")
        network.change { $0 = .init() }
        endSplit()
        for node in nodes {
            node.pausedUntil = clock.now
            node.process.end(after: .max)
            node.kernel.interruptsNextDump = false
            node.kernel.refusing = nil
            node.kernel.queueLimit = SimulatedKernel.usualQueueLimit
            powerOn(node.index)
            startAgent(node.index)
        }
        if owner == nil { give(to: generator.pick(0...nodes.count - 1), words: .prompt) }
        // What was appointed before may still come: late words, and a mended link.
        run(for: .seconds(6))
        for node in nodes { startAgent(node.index) }
        for node in nodes { tell(node.index, node.holdsAddresses ? .master : .backup) }
        run(for: .seconds(6))
    }
}
