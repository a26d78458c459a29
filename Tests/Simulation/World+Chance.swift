internal import Failover
public import StateMachine

/// A run that chance writes: faults for a while, then none, then the promise is put to the test.
extension World {
    /// Lets chance do its worst for a while, heals everything, and checks what must hold then.
    public func runByChance(faultsFor span: Instant.Span = .seconds(25)) {
        begin(owner: generator.pick(0...1))
        run(for: .seconds(4))
        let end = clock.now + span
        while clock.now < end {
            doHarm()
            run(for: generator.microseconds(50_000...2_500_000))
        }
        heal()
        run(for: .seconds(12))
        guard settle() else { return }
        run(for: .seconds(4))
        guard settle() else { return }
        run(for: .seconds(2))
        let before = traffic.broken.count
        note("the last handover")
        if let owner { give(to: 1 - owner, words: .prompt) }
        run(for: .seconds(8))
        for broken in traffic.broken.dropFirst(before) { problem("broken by a handover in sync: \(broken)") }
        settle()
        checkMemory()
    }

    /// One misfortune.
    private func doHarm() {
        let node = generator.pick(0...1)
        switch generator.pick(0...13) {
        case 0, 1, 2:
            guard let owner else { return }
            give(to: 1 - owner, words: Words.allCases[generator.pick(0...Words.allCases.count - 1)])
        case 3:
            for place in network.weather.indices {
                network.weather[place].loss = generator.pick(0...30)
                network.weather[place].duplication = generator.pick(0...20)
                network.weather[place].delay = 50...generator.pick(60...40_000)
            }
            note("the weather changes: \(network.weather)")
        case 4, 5:
            cut(from: generator.happens(50) ? node : nil, for: generator.microseconds(100_000...6_000_000))
        case 6:
            killAgent(node)
            startAgent(node, after: generator.microseconds(50_000...3_000_000))
        case 7:
            endAgent(node)
            startAgent(node, after: generator.microseconds(1_000...1_000_000))
        case 8:
            guard nodes[1 - node].isUp else { return }
            let heldAddresses = owner == node
            powerOff(node)
            powerOn(node, after: generator.microseconds(300_000...5_000_000))
            if heldAddresses { give(to: 1 - node, after: generator.microseconds(100_000...1_500_000)) }
        case 9:
            // The node comes back empty before the other one has noticed, and goes on as master.
            guard owner == node, nodes[1 - node].isUp else { return }
            powerOff(node)
            powerOn(node, after: .milliseconds(200))
            give(to: node, after: .milliseconds(210))
        case 10:
            note("\(nodes[node].name) loses events")
            nodes[node].kernel.loseEvents()
        case 11:
            pause(node, for: generator.microseconds(50_000...5_000_000))
        case 12:
            for _ in 0..<6 {
                guard let owner else { return }
                give(to: 1 - owner, words: .prompt)
                run(for: .milliseconds(300))
            }
        default:
            // The manager says what is not so; the addresses correct it.
            tell(node, generator.happens(50) ? .master : .backup)
        }
        if generator.happens(30) { stirOwnFlows() }
        if generator.happens(20) { nodes[node].kernel.interruptsNextDump = true }
    }

    /// No more faults: fair weather, both agents, one master, and both are told so.
    public func heal() {
        note("no more faults")
        for place in network.weather.indices { network.weather[place] = .init() }
        for node in nodes {
            node.pausedUntil = clock.now
            node.kernel.interruptsNextDump = false
            powerOn(node.index)
            startAgent(node.index)
        }
        if owner == nil { give(to: generator.pick(0...1), words: .prompt) }
        // What was appointed before may still come: late words, and a mended link.
        run(for: .seconds(6))
        for node in nodes { startAgent(node.index) }
        for node in nodes { tell(node.index, owner == node.index ? .master : .backup) }
    }
}
