public import ArgumentParser
internal import Conntrack
internal import Glibc
public import LabSupport
internal import LinuxIO
internal import Netfilter
internal import StateMachine

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

    @Option(help: "The mark that the flows bear.")
    var mark: UInt32 = 0

    @Flag(help: "Flows that are there get the mark and the timeout.")
    var change = false

    @Flag(help: "Flows that are there are deleted.")
    var delete = false

    @Option(help: "Flows a second at most; 0 is as many as the kernel takes.")
    var rate = 0

    func validate() throws {
        guard !change || !delete else { throw ValidationError("--change and --delete exclude each other") }
        guard rate >= 0 else { throw ValidationError("--rate is 0 or more") }
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
        var generator = kind.generator(timeout: timeout)
        generator.mark = mark
        let verb: FlowWrite.Verb = delete ? .delete : change ? .update : .create
        let begin = MonotonicClock.now()
        var told = 0
        do {
            var writer = try ConntrackWriter.open()
            return try generator.load(first..<first + flows, verb: verb, using: &writer) { done in
                if done - told >= 100_000 {
                    told = done
                    printProgress("\(done) of \(flows) flows")
                }
                guard rate > 0 else { return }
                let due = begin + Instant.Span(nanoseconds: UInt64(done) * 1_000_000_000 / UInt64(rate))
                let now = MonotonicClock.now()
                if due > now { usleep(UInt32(clamping: due.since(now).nanoseconds / 1_000)) }
            }
        } catch { throw .table(error) }
    }
}

extension FlowKind: ExpressibleByArgument {}
