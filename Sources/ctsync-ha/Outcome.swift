internal import ArgumentParser

/// How a command ends; the raw value is its exit code.
enum Outcome: Int32 {
    case done = 0
    /// Refused or failed; the reason is on stderr.
    case failed = 1
    /// Worse than failed, of a command that judges.
    case refuted = 2
    /// No agent on the control socket (LSB: program is not running).
    case agentNotRunning = 3
    /// EX_USAGE of sysexits.h.
    case usage = 64

    /// Ends a subcommand.
    func end() throws {
        if self != .done { throw ExitCode(rawValue) }
    }
}
