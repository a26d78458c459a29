internal import Conntrack
internal import StateMachine

/// What was seen when all nodes were last looked at, and what it says of what is seen now.
///
/// A flow's mark tells which connection it is and how far it has come, so of two marks of a tuple the greater is newer.
struct Watched {
    /// What one node showed.
    struct Sight {
        var run: Int
        var role: String
        /// Marks by original tuple.
        var internalMarks: [Tuple: UInt32] = [:]
        var externalMarks: [Tuple: UInt32] = [:]
        /// What its external cache held once, as long as it stands by in one run.
        var gone: [Tuple: UInt32] = [:]
        /// Connections that it tracked itself in this run: its former log may hold them still.
        var tracked: Set<UInt32> = []
        /// Entries of its kernel that its internal cache lacks, by their serial, and since when.
        var missing: [UInt64: Instant] = [:]
    }

    /// What a standby should not hold.
    struct Verdict {
        /// It held something newer, and so does every master.
        var outdated: [String] = []
        /// It had dropped them, and no node had them since.
        var returned: [String] = []
    }

    /// When to look next.
    var next: Instant = .never
    /// When it was last looked.
    var last: Instant = .origin
    /// By node; nil without an agent.
    var sights: [Sight?]
    /// Connections that some kernel or some internal cache held, and those that came into a kernel since.
    var alive: Set<UInt32> = []
    private(set) var newcomers: Set<UInt32> = []

    /// Begins with nothing seen.
    init(nodes: Int) { sights = Array(repeating: nil, count: nodes) }

    /// Takes in a flow that came into a kernel.
    mutating func born(_ flow: Flow) { newcomers.insert(Connection.number(of: flow.mark)) }

    /// What is seen now is what was seen last.
    mutating func turn(to sights: [Sight?], alive: Set<UInt32>, at now: Instant) {
        self.sights = sights
        self.alive = alive
        last = now
        newcomers.removeAll(keepingCapacity: true)
    }

    /// Takes over what a node has tracked so far in its run; `sight` is what it shows now.
    func remember(_ sight: inout Sight, of node: Int) {
        if let before = sights[node], before.run == sight.run { sight.tracked = before.tracked }
        for mark in sight.internalMarks.values { sight.tracked.insert(Connection.number(of: mark)) }
    }

    /// Takes over what a standby has dropped so far; `sight` is what it shows now.
    func rememberGone(_ sight: inout Sight, of node: Int) {
        guard let before = sights[node] else { return }
        sight.gone = before.gone
        for (original, mark) in before.externalMarks { sight.gone[original] = mark }
        for original in sight.externalMarks.keys where before.externalMarks[original] != nil {
            sight.gone[original] = nil
        }
    }

    /// Judges what a standby shows now, beside what all nodes show and which connections are alive.
    func judge(_ sight: Sight, of node: Int, among sights: [Sight?], alive now: Set<UInt32>) -> Verdict {
        var verdict = Verdict()
        guard let before = self.sights[node] else { return verdict }
        for (original, mark) in sight.externalMarks {
            if let held = before.externalMarks[original] {
                guard held > mark, isOutdated(original, mark, sights), isOutdated(original, mark, self.sights) else {
                    continue
                }
                verdict.outdated.append("held \(original.text) with mark \(held), and now with \(mark)")
            } else if let ended = sight.gone[original], ended >= mark {
                let connection = Connection.number(of: mark)
                guard !now.contains(connection), !alive.contains(connection), !newcomers.contains(connection),
                    !sight.tracked.contains(connection)
                else { continue }
                verdict.returned.append("holds \(original.text) with mark \(mark) again, which ended everywhere")
            }
        }
        // Dictionaries have no order of their own.
        verdict.outdated.sort()
        verdict.returned.sort()
        return verdict
    }

    /// Whether there are masters, and every one of them has something newer of a tuple.
    private func isOutdated(_ original: Tuple, _ mark: UInt32, _ sights: [Sight?]) -> Bool {
        let masters = sights.compactMap { $0 }.filter { $0.role == "master" || $0.role == "taking-over" }
        return !masters.isEmpty && masters.allSatisfy { ($0.internalMarks[original] ?? 0) > mark }
    }
}
