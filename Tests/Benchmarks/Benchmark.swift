internal import ArgumentParser

/// What of the benchmark is no script: `Tests/Benchmarks/run` calls it.
@main
struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "The floor of the takeover benchmark, and its results.",
        subcommands: [FloorCommand.self, ReportCommand.self])
}
