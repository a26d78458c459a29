internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha statistics`.
struct StatisticsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statistics", abstract: "Show what the agent counted since it started.")

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print JSON with stable keys.")
    var json = false

    func run() throws {
        try control.ask(.statistics) { reply in
            guard case .statistics(let report) = reply else { return }
            Output.print(json ? try Output.json(report) : StatisticsScreen.render(report))
        }.end()
    }
}
