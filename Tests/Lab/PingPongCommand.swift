internal import ArgumentParser
internal import StateMachine

/// `lab pingpong`: long-lived connections that notice every silence.
struct PingPongCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pingpong",
        abstract: "Open connections to an echo server and measure each one's longest silence.",
        discussion: "Ends after the duration, or early on SIGTERM; exit status 0 only if every connection is alive.")

    @Option(help: "The server's address.")
    var address: String

    @Option(help: "The server's port.")
    var port: UInt16

    @Option(help: "How many connections, 1 to 1000.")
    var connections = 200

    @Option(help: "Milliseconds between two messages of a connection.")
    var interval: UInt64 = 20

    @Option(help: "Bytes a message, 8 to 65536; 1400 at most over UDP.")
    var size = 8

    @Option(help: "Seconds to run.")
    var duration: UInt64 = 60

    @Option(help: "The file for the JSON report, or stdout; without it, the report is plain text.")
    var report: String?

    @Flag(help: "UDP instead of TCP.")
    var udp = false

    func validate() throws {
        guard 1...1_000 ~= connections else { throw ValidationError("--connections is 1 to 1000") }
        guard 1...60_000 ~= interval else { throw ValidationError("--interval is 1 to 60000 ms") }
        guard 8...(udp ? 1_400 : 65_536) ~= size else { throw ValidationError("--size is 8 to 65536, to 1400 for UDP") }
        guard 1...86_400 ~= duration else { throw ValidationError("--duration is 1 to 86400 s") }
    }

    func run() throws {
        var pingPong = try PingPong.connecting(
            to: try Endpoint(address: address, port: port), udp ? .udp : .tcp,
            connections: connections, interval: .milliseconds(interval), messageSize: size)
        let result = try pingPong.run(for: .seconds(duration))
        if let report { try writeReport(result.json, to: report) } else { print(result.plain) }
        flushOutput()
        if !result.isFlawless { throw ExitCode.failure }
    }
}
