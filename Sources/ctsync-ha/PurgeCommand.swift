internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha purge`.
struct PurgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Remove stale entries from the kernel's table.")

    @OptionGroup var control: ControlOptions

    func run() throws { try control.order(.purge) }
}
