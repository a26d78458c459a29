internal import ArgumentParser
internal import ControlProtocol

/// The subcommand `ctsync-ha role`.
struct RoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "role", abstract: "Take a role by hand and wait until that is done; auto gives the decision back.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "The role; it holds until a manager speaks.")
    var role: RoleOrder

    @Option(help: "The group; not needed if there is one.")
    var group: String?

    func run() throws { try control.order(.role(role, group: group)) }
}
