internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha commit`.
struct CommitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit", abstract: "Write the external cache into the kernel's table.")

    @OptionGroup var control: ControlOptions

    func run() throws { try control.order(.commit) }
}
