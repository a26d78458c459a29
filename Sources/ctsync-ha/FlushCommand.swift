internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha flush`.
struct FlushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flush", abstract: "Empty a cache or the kernel's table; there is no default.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "What to empty. `kernel` ends every connection that is tracked here.")
    var target: FlushTarget

    func run() throws { try control.order(.flush(target)) }
}
