internal import ArgumentParser

/// The command; its subcommands have a file each.
struct CtsyncHA: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ctsync-ha",
        abstract: "Keeps every connection alive when a firewall fails over.",
        discussion: """
            Exit codes: 0 done, 1 refused or failed, 3 the agent is not running, 64 usage; preflight has its own.
            """,
        version: "0.1.0",
        subcommands: [
            RunCommand.self, CheckCommand.self, StatusCommand.self, PreflightCommand.self, StatisticsCommand.self,
            CacheCommand.self, TableCommand.self, NotifyCommand.self, RoleCommand.self, CommitCommand.self,
            FlushCommand.self, ResyncCommand.self, BulkCommand.self, PurgeCommand.self, ResetCommand.self,
            KeyCommand.self,
        ])
}
