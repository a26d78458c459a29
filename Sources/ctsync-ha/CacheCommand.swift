internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha cache`.
struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "cache", abstract: "List a cache.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "The flows that this node tracks, or those that a peer told about.")
    var name: CacheName

    @Argument(help: "Flows or expectations.")
    var content = CacheContent.main

    @Flag(help: "Print JSON with stable keys.")
    var json = false

    @Flag(help: "Print below each row what the row does not show.")
    var details = false

    func run() throws { try control.list(.cache(name, content), ListingOptions(json: json, details: details)) }
}
