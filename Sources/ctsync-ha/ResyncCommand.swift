internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha resync`.
struct ResyncCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resync", abstract: "Rebuild the internal cache from the kernel, or ask the peer for a bulk.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "Where from.")
    var source: ResyncSource

    func run() throws { try control.order(.resync(source)) }
}
