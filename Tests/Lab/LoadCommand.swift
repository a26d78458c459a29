public import ArgumentParser
public import LabSupport
internal import Netfilter

/// `lab load`: a table full of other people's connections.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put established TCP flows into this namespace's table.",
        discussion: "Exit status 0 only if the kernel took every one.")

    @Option(help: "How many flows.")
    var flows: Int

    @Option(help: "The generator's first flow; its default leaves out the lab's own addresses.")
    var first = FlowGenerator.firstForeign

    @Option(help: "tcp, snat (translated) or tcp6.")
    var kind = FlowKind.snat

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
            return try kind.generator(timeout: timeout).load(first..<first + flows, using: &writer) { done in
                printProgress("\(done) of \(flows) flows")
            }
        } catch { throw .table(error) }
    }
}

extension FlowKind: ExpressibleByArgument {}
