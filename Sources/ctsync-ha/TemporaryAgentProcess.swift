// TEMPORARY: stands in until the target Agent brings its own `AgentProcess`; delete this file then.

/// The agent as a process.
enum AgentProcess {
    /// Runs the agent until it is told to end, and returns its exit code.
    static func run(configurationPath: String) -> Int32 {
        Output.complain("the agent is not part of this build")
        return Outcome.failed.rawValue
    }
}
