public import StateMachine

/// What many runs came to together.
public struct WorldTally: Sendable {
    /// Runs, and those in which something went wrong.
    public private(set) var runs = 0
    public private(set) var failures = 0
    /// Time that passed in them.
    public private(set) var simulated = Instant.Span(nanoseconds: 0)
    /// The longest time until all nodes held the same.
    public private(set) var longestSettling = Instant.Span(nanoseconds: 0)
    private var misfortunes = CounterTable<Misfortune>()
    private var knownTroubles = CounterTable<KnownTrouble>()
    private var datagrams = SimulatedNetwork.Tally()
    private var refusedWrites = 0

    /// Makes a tally of nothing.
    public init() {}

    /// Takes a world in that has run.
    public mutating func add(_ world: World) {
        runs += 1
        if !world.problems.isEmpty { failures += 1 }
        simulated = simulated + world.age
        longestSettling = max(longestSettling, world.longestSettling)
        for kind in Misfortune.allCases { misfortunes.count(kind, by: Int(world.misfortunes[kind])) }
        for trouble in KnownTrouble.allCases { knownTroubles.count(trouble, by: Int(world.knownTroubles[trouble])) }
        datagrams.add(world.network.tally)
        refusedWrites += world.nodes.map(\.kernel.refusedByChance).reduce(0, +)
    }

    /// How far it has come, in a line.
    public var progress: String {
        let hours = Double(Int(simulated.seconds / 36)) / 100
        return "\(runs) seeds, \(hours) hours simulated, \(misfortunes.total) misfortunes, \(failures) failed"
    }

    /// All of it, in lines.
    public var text: String {
        """
        \(progress)
        held the same after \(longestSettling.milliseconds) ms at the latest
        misfortunes: \(list(misfortunes.listing))
        datagrams: \(datagrams.text)
        writes refused by chance: \(refusedWrites)
        known troubles that the checks looked away from: \(list(knownTroubles.listing))
        """
    }

    private func list(_ counters: [(name: String, value: UInt64)]) -> String {
        counters.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    }
}

extension SimulatedNetwork.Tally {
    mutating func add(_ other: Self) {
        sent += other.sent
        lost += other.lost
        doubled += other.doubled
        replayed += other.replayed
        overtaken += other.overtaken
        forged += other.forged
    }

    var text: String {
        "sent \(sent), lost \(lost), twice \(doubled), replayed \(replayed), overtaken \(overtaken), forged \(forged)"
    }
}
