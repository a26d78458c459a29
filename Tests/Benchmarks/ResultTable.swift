/// The results as a page of Markdown.
struct ResultTable {
    let results: Results

    var text: String {
        let parts = MeasurementKind.allCases.compactMap { kind in
            part(kind, results.rows.filter { $0.measurement == kind })
        }
        let notes = results.notes.map { "- \($0.key): \($0.text)" }.joined(separator: "\n")
        return (["# Takeover benchmark", notes, Self.explanation] + parts).joined(separator: "\n\n") + "\n"
    }

    private static let explanation = """
        Figures are medians, with the least and the greatest of several runs in brackets; compare within one run only. \
        A quotient is that of the first figure's medians. A connection that is lost is silent until the measurement \
        ends. The load is the machine's average of one minute when a measurement began; strangers are listeners for \
        new flows in namespaces of others, of which one slows every insert. CPU and bytes are for each flow, CPU \
        being that of the standby's agent during the takeover, in itself and in the kernel.
        """

    private func part(_ kind: MeasurementKind, _ rows: [Results.Row]) -> String? {
        guard !rows.isEmpty else { return nil }
        let figures = [kind.principal] + kind.further
        let yardsticks = Results.yardsticks.filter { name in rows.contains { $0.ratios[name] != nil } }
        let head = ["case", "flows", "agent", "runs"] + figures + yardsticks.map { "÷ \($0)" } + ["load", "strangers"]
        var table = [head, head.map { _ in "---" }]
        for row in rows {
            let values = figures.map { row.figures[$0]?.text ?? "" }
            let ratios = yardsticks.map { row.ratios[$0]?.short ?? "" }
            table.append(
                [row.case, "\(row.flows)", row.agent, "\(row.runs)"] + values + ratios + [
                    row.load?.text ?? "", "\(row.strangers)",
                ])
        }
        let lines = table.map { "| " + $0.joined(separator: " | ") + " |" }
        return "## \(kind.title)\n\n" + lines.joined(separator: "\n")
    }
}
