internal import ArgumentParser
internal import LabSupport
internal import Netfilter

/// `lab load`: a table full of other people's connections.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put established, translated TCP flows into this namespace's table.",
        discussion: "Exit status 0 only if the kernel took every one.")

    @Option(help: "How many flows.")
    var flows: Int

    // The clients up to .11 bear addresses of the two-router lab's own hosts, and a router's own flows are nobody
    // else's business. The generator gives each client 60,000 flows.
    @Option(help: "The generator's first flow; its default leaves out the lab's own addresses.")
    var first = 660_000

    @Option(help: "Seconds that the flows live.")
    var timeout: UInt32 = 3_600

    func validate() throws {
        guard flows >= 0, first >= 0, first <= FlowGenerator.limit, flows <= FlowGenerator.limit - first else {
            throw ValidationError("--first plus --flows is at most \(FlowGenerator.limit)")
        }
    }

    func run() throws {
        let outcome = try load()
        print("\(outcome.written) flows written")
        for (reason, count) in outcome.refused { print("\(count) refused: \(reason)") }
        flushOutput()
        if outcome.written != flows { throw ExitCode.failure }
    }

    private func load() throws(LabError) -> FlowGenerator.Outcome {
        do {
            var writer = try ConntrackWriter.open()
            return try FlowGenerator(timeout: timeout).load(first..<first + flows, using: &writer) { done in
                printProgress("\(done) of \(flows) flows")
            }
        } catch { throw .table(error) }
    }
}
