internal import Agent
internal import ArgumentParser
internal import Configuration

/// The subcommand `ctsync-ha run`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the agent in the foreground (systemd: Type=notify).")

    @Option(help: ArgumentHelp("The configuration.", valueName: "file"))
    var config = AgentConfiguration.defaultPath

    func run() throws {
        let code = AgentProcess.run(configurationPath: config)
        if code != 0 { throw ExitCode(code) }
    }
}
