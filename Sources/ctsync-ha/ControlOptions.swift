internal import ArgumentParser
internal import Configuration
internal import ControlProtocol

/// Where the agent is, and how to ask it.
struct ControlOptions: ParsableArguments {
    /// Seconds that a command waits for the next sign of a working agent.
    private static let patience: UInt64 = 30

    @Option(help: ArgumentHelp("The agent's control socket.", valueName: "path"))
    var socket = AgentConfiguration.defaultControlSocket

    /// Asks, tells progress, and hands each reply to `take` until the last; complaints go to stderr.
    func ask(_ request: ControlRequest, _ take: (ControlReply) throws -> Void) throws -> Outcome {
        do {
            var client = try ControlClient(path: socket, seconds: Self.patience)
            try client.send(request)
            while true {
                let reply = try client.receive()
                switch reply {
                case .refused(let reason):
                    Output.complain(reason)
                    return .failed
                case .progress(let report):
                    Output.progress(report.percent.map { "\(report.text), \($0) %" } ?? report.text)
                case .done, .status, .statistics, .preflight, .flows, .expectations, .keys:
                    try take(reply)
                }
                if reply.isLast { return .done }
            }
        } catch let error as ControlClientError {
            Output.complain(error.reason)
            return error.outcome
        }
    }

    /// Asks for something that is done and not shown, and prints what the agent says about it.
    func order(_ request: ControlRequest) throws {
        try ask(request) { reply in
            if case .done(let text) = reply, !text.isEmpty { Output.print(text) }
        }.end()
    }
}
