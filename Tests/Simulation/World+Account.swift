internal import Bytes
public import Conntrack
internal import Engine
internal import Failover
internal import StateMachine

/// The transcript of a run, and what is told of one that failed.
extension World {
    /// Notes in the transcript whatever happens to one flow.
    public func watch(_ original: Tuple) {
        for node in nodes {
            node.kernel.watched = original
            node.kernel.watch = { [weak self] in self?.note("\(node.name) \($0)") }
        }
    }

    /// Notes something in the transcript.
    public func note(_ text: String) {
        transcript.append("\(clock.text) \(text)")
        for byte in transcript[transcript.count - 1].utf8 { transcriptHash.combine(UInt64(byte)) }
        if transcript.count > transcriptLimit { transcript.removeFirst(transcriptLimit / 2) }
    }

    /// Notes that something went wrong.
    public func problem(_ text: String) {
        note("PROBLEM \(text)")
        if problems.count < 20 { problems.append("\(clock.text) \(text)") }
    }

    /// Notes that something went wrong, perhaps for a known reason that the checks look away from.
    func problem(_ text: String, unless trouble: KnownTrouble?) {
        guard let trouble, setup.looksAway.contains(trouble) else { return problem(text) }
        knownTroubles.count(trouble)
        note("known, \(trouble): \(text)")
    }

    /// A number that stands for the whole transcript, and for where the links and the traffic are: equal runs have the
    /// same.
    public var fingerprint: UInt64 {
        var hash = transcriptHash
        for count in [network.tally.sent, network.tally.lost, traffic.connections.count] + nodes.map(\.turns) {
            hash.combine(UInt64(count))
        }
        return hash.finish()
    }

    /// What to print when a run failed: the seed, the problems, and the end of the transcript.
    public func account(lines: Int = 300) -> String {
        var text = "seed \(setup.seed): \(setup.text)\n"
        for problem in problems { text += "  \(problem)\n" }
        text += "the last lines of the transcript:\n"
        for line in transcript.suffix(lines) { text += "  \(line)\n" }
        for node in nodes {
            for peer in node.report(at: clock.now)?.peers ?? [] { text += "  \(node.name): \(peer)\n" }
        }
        return text
    }

    func hear(_ notice: EngineNotice, from node: SimulatedNode) {
        switch notice {
        case .heard: return
        case .roleChanged(_, let to, let source, let term):
            node.role = to
            rolesChangedAt = clock.now
            note("\(node.name) is \(to) by \(source.rawValue), term \(term)")
        case .storeTerm(let term):
            if isWatched, term <= node.storedTerm { problem("\(node.name) takes term \(term) again") }
            node.storedTerm = max(node.storedTerm, term)
        case .takeover(let result):
            note(
                "\(node.name) took over\(result.inSync ? " in sync" : ""): \(result.tally.flows) flows, "
                    + "\(result.tally.failed) refused, in \(result.duration.milliseconds) ms")
            checkTakeover(of: node, isFailed: !result.succeeded)
        case .refused(let flow, let reason):
            let other = node.kernel.entry(of: flow.original) ?? node.kernel.entry(of: flow.reply)
            note("\(node.name) is refused \(flow.text): \(reason), \(other?.flow.text ?? "nothing") is there")
        case .overrun:
            node.overranAt = clock.now
            note("\(node.name): \(notice)")
        case .diverged where isWatched:
            problem("\(node.name): \(notice)")
            for difference in differences() { note("  \(difference)") }
        case .corrupted where isWatched, .implausibleTerm where isWatched,
            .sameName where isWatched:
            // Nobody changes stored bytes here, and nobody forges what is taken.
            problem("\(node.name): \(notice)")
        default:
            note("\(node.name): \(notice)")
        }
    }
}
