internal import ArgumentParser
internal import Conntrack
internal import ControlProtocol

/// The subcommand `ctsync-ha table`.
struct TableCommand: ParsableCommand {
    /// A family by its name on the command line.
    enum Family: String, ExpressibleByArgument, CaseIterable {
        case ipv4
        case ipv6

        var family: AddressFamily { self == .ipv4 ? .ipv4 : .ipv6 }
    }

    static let configuration = CommandConfiguration(commandName: "table", abstract: "List the kernel's table.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "Only this family.")
    var family: Family?

    @Flag(help: "Print JSON with stable keys.")
    var json = false

    @Flag(help: "Print below each row what the row does not show.")
    var details = false

    func run() throws { try control.list(.table(family?.family), ListingOptions(json: json, details: details)) }
}
