internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha preflight`.
struct PreflightCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preflight", abstract: "Say whether a failover now would be safe, and if not, why and what to do.",
        discussion: """
            Asks either node; both know what the other's kernel is like.
            Exit codes: 0 safe, 1 doubtful, 2 unsafe, 3 the agent is not running, 64 usage.
            """)

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print JSON with stable keys.")
    var json = false

    func run() throws {
        var judged = Outcome.done
        let asked = try control.ask(.preflight) { reply in
            guard case .preflight(let report) = reply else { return }
            judged = Self.outcome(of: report.verdict)
            Output.print(json ? try Output.json(report) : PreflightScreen.render(report, palette: Output.palette))
        }
        try (asked == .done ? judged : asked).end()
    }

    private static func outcome(of verdict: PreflightReport.Verdict) -> Outcome {
        switch verdict {
        case .safe: .done
        case .doubtful: .failed
        case .notSafe: .refuted
        }
    }
}
