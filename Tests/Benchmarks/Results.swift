/// What a run of the benchmark found: rows of equal measurements, and notes.
struct Results: Encodable {
    private(set) var notes: [ResultLine.Note]
    private(set) var rows: [Row] = []

    /// All runs of one agent in one situation.
    struct Row: Encodable {
        var measurement: MeasurementKind
        var `case`: String
        var flows: Int
        var agent: String
        var runs: Int
        var figures: [String: Spread]
        /// Quotients of the medians of the principal figure: this agent's by another's, of the same run.
        var ratios: [String: Double] = [:]
        var load: Spread?
        /// The most listeners for new flows in other namespaces.
        var strangers: Int

        /// The figure by which agents are compared.
        var principal: Spread? { figures[measurement.principal] }

        func isBeside(_ other: Row) -> Bool {
            measurement == other.measurement && `case` == other.case && flows == other.flows
        }
    }

    /// Agents with which all others are compared.
    static let yardsticks = ["floor", "conntrackd-cold"]
    /// Agents in the order of tables and charts.
    static let agents = ["floor", "ctsync-ha-hot", "ctsync-ha-cold", "conntrackd-hot", "conntrackd-cold"]

    /// Gathers lines.
    init(_ lines: [ResultLine]) {
        notes = lines.compactMap(\.note)
        for kind in MeasurementKind.allCases {
            let measured = lines.filter { $0.measurement == kind }
            var cases: [String] = []
            for name in measured.compactMap(\.case) where !cases.contains(name) { cases.append(name) }
            for name in cases {
                let same = measured.filter { $0.case == name }
                for flows in Set(same.compactMap(\.flows)).sorted() {
                    rows += Self.agents.compactMap { agent in
                        Self.row(kind, name, flows, agent, same.filter { $0.flows == flows && $0.agent == agent })
                    }
                }
            }
        }
        for index in rows.indices { rows[index].ratios = ratios(of: rows[index]) }
    }

    private static func row(
        _ kind: MeasurementKind, _ name: String, _ flows: Int, _ agent: String, _ lines: [ResultLine]
    ) -> Row? {
        guard !lines.isEmpty else { return nil }
        var figures: [String: Spread] = [:]
        for figure in [kind.principal] + kind.further {
            figures[figure] = Spread(lines.compactMap { $0.figures?[figure] })
        }
        return Row(
            measurement: kind, case: name, flows: flows, agent: agent, runs: lines.count, figures: figures,
            load: Spread(lines.compactMap { $0.noise?.load }),
            strangers: lines.compactMap { $0.noise?.strangers }.max() ?? 0)
    }

    private func ratios(of row: Row) -> [String: Double] {
        var found: [String: Double] = [:]
        for name in Self.yardsticks where name != row.agent {
            guard let other = rows.first(where: { $0.agent == name && $0.isBeside(row) })?.principal?.median,
                let own = row.principal?.median, other > 0
            else { continue }
            found[name] = own / other
        }
        return found
    }
}
