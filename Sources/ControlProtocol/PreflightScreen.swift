/// What `preflight` prints: the verdict, each reason with one command, and then what was looked at.
public enum PreflightScreen {
    /// Draws a report at most 80 columns wide.
    public static func render(_ report: PreflightReport, palette: Palette = .plain) -> String {
        var screen = Screen()
        screen.headline(
            report.verdict.rawValue, report.verdict.colour, meaning(of: report.verdict), report.node, palette)
        for finding in report.findings {
            screen.row(finding.severity == .safe ? "note" : "why", [finding.what])
            let place = finding.node == report.node ? "" : "on \(finding.node): "
            screen.row("do", [place + finding.command])
        }
        if let failover = report.failover {
            screen.row("failover", ["\(failover.from) to \(failover.to)", "\(grouped(failover.flows)) flows"])
        } else {
            screen.row("failover", ["nobody knows from where to where"])
        }
        if let table = report.table { screen.row("table", pieces(of: table)) }
        screen.row("passed", report.passed.map(\.rawValue))
        screen.row("unknown", report.unknown.map(\.rawValue))
        return screen.text
    }

    private static func meaning(of verdict: PreflightReport.Verdict) -> String {
        switch verdict {
        case .safe: "a failover now loses no connection"
        case .doubtful: "a failover now may lose connections"
        case .notSafe: "a failover now would lose connections"
        }
    }

    private static func pieces(of table: PreflightReport.Table) -> [String] {
        var expected = "\(grouped(table.expected)) after the failover"
        if let limit = table.limit, limit > 0 {
            let share = UInt64(min(Double(table.expected) / Double(limit) * 100, 1e9))
            expected += " of \(grouped(limit)) (\(share) %)"
        }
        return [
            "\(table.node) has \(grouped(table.entries)) entries", expected,
            table.meanChain.map { "chains of \(tenths($0))" } ?? "",
        ]
    }

    private static func tenths(_ number: Double) -> String {
        let tenths = UInt64(min((number * 10).rounded(), 1e9))
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension PreflightReport.Verdict {
    /// The verdict of `status` that has its colour.
    var colour: StatusReport.Verdict {
        switch self {
        case .safe: .ok
        case .doubtful: .warning
        case .notSafe: .critical
        }
    }
}
