internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha reset`.
struct ResetCommand: ParsableCommand {
    /// A cache by its name in VyOS's `reset conntrack-sync`.
    enum Cache: String, ExpressibleByArgument, CaseIterable {
        case external = "external-cache"
        case `internal` = "internal-cache"

        var name: CacheName { self == .internal ? .internal : .external }
    }

    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Empty a cache and fill it again from the kernel or the peer.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "The cache.")
    var cache: Cache

    func run() throws { try control.order(.reset(cache.name)) }
}
