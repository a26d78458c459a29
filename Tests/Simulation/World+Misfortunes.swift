internal import Conntrack
internal import Failover
internal import StateMachine

/// What each misfortune is.
extension World {
    /// Lets a misfortune come over a node, or over all; false if it cannot.
    func befall(_ misfortune: Misfortune, _ node: Int) -> Bool {
        switch misfortune {
        case .handover:
            guard let owner else { return false }
            give(to: another(than: owner), words: Words.allCases[generator.pick(0...Words.allCases.count - 1)])
        case .weather:
            turnWeather()
        case .cut:
            cut(from: generator.happens(50) ? node : nil, for: generator.microseconds(100_000...6_000_000))
        case .kill:
            killAgent(node)
            startAgent(node, after: generator.microseconds(50_000...3_000_000))
        case .end:
            endAgent(node)
            startAgent(node, after: generator.microseconds(1_000...1_000_000))
        case .powerLoss:
            return losePower(node)
        case .emptyReturn:
            // The node comes back empty before another one has noticed, and goes on as master.
            guard owner == node, rival == nil, nodes[another(than: node)].isUp else { return false }
            powerOff(node)
            powerOn(node, after: .milliseconds(200))
            give(to: node, after: .milliseconds(210))
        case .eventLoss:
            note("\(nodes[node].name) loses events")
            nodes[node].kernel.loseEvents()
        case .pause:
            pause(node, for: generator.microseconds(50_000...5_000_000))
        case .flapping:
            for _ in 0..<6 {
                guard let owner else { return false }
                give(to: another(than: owner), words: .prompt)
                run(for: isWatched ? generator.microseconds(5_000...600_000) : .milliseconds(300))
            }
        case .falseWord:
            tell(node, generator.happens(50) ? .master : .backup)
        default:
            return befallMore(misfortune, node)
        }
        return true
    }

    private func befallMore(_ misfortune: Misfortune, _ node: Int) -> Bool {
        switch misfortune {
        case .partition:
            part(node, for: generator.microseconds(100_000...8_000_000))
        case .killInTurn:
            guard nodes[node].engine != nil else { return false }
            let steps = generator.pick(0...[3, 40, 400][generator.pick(0...2)])
            note("\(nodes[node].name) will die after \(steps) steps")
            nodes[node].process.end(after: steps)
            nodes[node].restart = generator.microseconds(10_000...2_000_000)
            // What is done most is the likeliest to be cut short.
            if generator.happens(50), let owner { give(to: another(than: owner), words: .prompt) }
        case .overrun:
            let limit = generator.pick(8...200)
            note("\(nodes[node].name) has room for \(limit) events")
            nodes[node].kernel.queueLimit = limit
            agenda.add(.lengthenQueue(node), at: clock.now + generator.microseconds(500_000...4_000_000))
            if owner == node { nodes[node].kernel.flood(generator.pick(50...400), timeout: 3) }
        case .refusals:
            refuseWrites(node)
        case .expiryBurst:
            guard let owner else { return false }
            let count = generator.pick(500...4_000)
            let seconds = generator.pick(1...4)
            note("\(nodes[owner].name) meets \(count) flows that end together in \(seconds) s")
            nodes[owner].kernel.flood(count, timeout: UInt32(seconds))
        case .silence:
            let silenced = traffic.silence(percent: generator.pick(50...95))
            note("the hosts of \(silenced.count) connections fall silent, and all that they left expires")
            for node in nodes { node.kernel.expireAtOnce { silenced.contains($0.flow.original) } }
        case .staleExpiry:
            guard !nodes[node].holdsAddresses, nodes[node].role == "backup" else { return false }
            let filter = nodes[node].filter
            let count = nodes[node].kernel.expireAtOnce { filter.verdict($0.flow) == .replicated }
            note("on the standby \(nodes[node].name) \(count) entries expire at once")
        case .twoMasters:
            guard let owner, rival == nil else { return false }
            let span = generator.microseconds(200_000...5_000_000)
            if generator.happens(60) { cut(from: nil, for: span) }
            split(with: another(than: owner), for: span)
        case .clockStep:
            let seconds = Int64(generator.pick(0...[1, 4_000, 40_000_000][generator.pick(0...2)]))
            let step = generator.happens(50) ? seconds : -seconds
            note("the clock of \(nodes[node].name) is set by \(step) s, and its agent starts again")
            nodes[node].clockOffset = (nodes[node].clockOffset + step * 1_000_000_000) % 100_000_000_000_000_000
            killAgent(node)
            startAgent(node, after: generator.microseconds(1_000...500_000))
        case .keyRollover: return rollKeys()
        case .stageStep: return stepStage()
        case .attack: attack()
        default: return false
        }
        return true
    }

    private func losePower(_ node: Int) -> Bool {
        guard nodes.contains(where: { $0.index != node && $0.isUp }) else { return false }
        let heldAddresses = owner == node
        powerOff(node)
        powerOn(node, after: generator.microseconds(300_000...5_000_000))
        guard heldAddresses, owner == nil else { return true }
        give(to: another(than: node), after: generator.microseconds(100_000...1_500_000))
        return true
    }

    /// A kernel refuses writes; the node is likely to become master meanwhile.
    private func refuseWrites(_ node: Int) {
        let all: [WriteRefusal] = [.busy, .noSpace, .again, .tableFull, .dying, .other]
        let reasons = all.filter { _ in generator.happens(40) }
        let share = [2, 30, 100][generator.pick(0...2)]
        let span = generator.microseconds(100_000...2_500_000)
        note("\(nodes[node].name) refuses \(share) % of all writes for \(span.milliseconds) ms")
        nodes[node].kernel.refusing = .init(
            until: clock.now + span, share: share, reasons: reasons.isEmpty ? [.busy] : reasons)
        if generator.happens(70), owner != node { give(to: node, words: .prompt) }
    }
}
