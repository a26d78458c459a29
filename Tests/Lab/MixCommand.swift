internal import ArgumentParser
internal import StateMachine

/// `lab mix`: connections that come and go, so that a table sees every event and many states.
struct MixCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mix",
        abstract: "Open and close short TCP connections and UDP exchanges at a rate.",
        discussion: "A quarter each is closed at once, held for a second, left open to the end, or sent over UDP.")

    @Option(help: "The server's IPv4 address.")
    var address: String

    @Option(help: "The server's port.")
    var port: UInt16

    @Option(help: "New connections a second, 1 to 5000.")
    var rate: UInt64 = 200

    @Option(help: "Seconds to run.")
    var duration: UInt64 = 5

    func validate() throws {
        guard 1...5_000 ~= rate else { throw ValidationError("--rate is 1 to 5000") }
        guard 1...86_400 ~= duration else { throw ValidationError("--duration is 1 to 86400 s") }
    }

    func run() throws {
        var mix = try Mix(to: try Endpoint(address: address, port: port))
        let counts = try mix.run(rate: rate, for: .seconds(duration))
        print("\(counts.opened) connections opened, \(counts.answered) answered, \(counts.failed) failed")
        flushOutput()
    }
}
