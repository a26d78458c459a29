internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha bulk`.
struct BulkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk", abstract: "Send the whole internal cache to the peer.")

    @OptionGroup var control: ControlOptions

    func run() throws { try control.order(.bulk) }
}
