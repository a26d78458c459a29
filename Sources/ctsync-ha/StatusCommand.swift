internal import ArgumentParser
internal import ControlProtocol
internal import LinuxIO

/// The subcommand `ctsync-ha status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show whether a failover now would be safe, why, and what to do.",
        discussion: "Exits with 0 whenever the agent answers; the verdict is in the text.")

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print JSON with stable keys.")
    var json = false

    func run() throws {
        try control.ask(.status) { reply in
            guard case .status(let report) = reply else { return }
            Output.print(
                json
                    ? try Output.json(report)
                    : StatusScreen.render(report, now: Self.now, palette: Output.palette))
        }.end()
    }

    private static var now: WallTime {
        let nanoseconds = WallClock.nanoseconds()
        return WallTime(seconds: nanoseconds / 1_000_000_000, nanoseconds: UInt32(nanoseconds % 1_000_000_000))
    }
}
