internal import ArgumentParser

/// The traffic of the lab: an echo server, long-lived connections that notice every silence, and mixed traffic.
///
/// It is test support: `Examples/two-routers` and `Tests/failover` run it inside their namespaces.
@main
struct Lab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "Traffic for the two-router lab.",
        subcommands: [
            ServerCommand.self, PingPongCommand.self, MixCommand.self, LoadCommand.self, FidelityCommand.self,
            FlowsCommand.self,
        ])
}
