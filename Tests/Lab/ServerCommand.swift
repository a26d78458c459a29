internal import ArgumentParser

/// `lab server`: the far end.
struct ServerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "Answer TCP and UDP on a port with an echo, until SIGTERM.")

    @Option(help: "The port, for TCP and UDP.")
    var port: UInt16

    @Option(help: "The address to listen on; :: for both families.")
    var address = "0.0.0.0"

    func run() throws {
        var server = try EchoServer.listening(on: try Endpoint(address: address, port: port))
        print("listening on port \(port)")
        flushOutput()
        try server.run()
    }
}
