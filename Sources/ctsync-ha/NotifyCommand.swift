internal import Agent
internal import ArgumentParser
internal import Configuration
internal import ControlProtocol
internal import LinuxIO
internal import StateMachine

/// The subcommand `ctsync-ha notify`.
struct NotifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "Tell the agent what keepalived told its notify script.",
        usage: "ctsync-ha notify TYPE NAME STATE [PRIORITY] [--socket PATH]",
        discussion: """
            In a sync group: notify "/usr/sbin/ctsync-ha notify"
            TYPE is GROUP or INSTANCE; STATE is MASTER, BACKUP, FAULT, STOP or DELETED.
            Returns as soon as the agent has taken the message; the agent does the work.
            """)

    /// Seconds that keepalived's script may hang on an agent that does not answer.
    private static let patience: UInt64 = 2

    @OptionGroup var control: ControlOptions

    @Argument(help: "keepalived's words: TYPE NAME STATE [PRIORITY].")
    var words: [String]

    func run() throws { try Self.send(words + ["--socket", control.socket]).end() }

    /// The whole command without a parser; nil if the words ask for help.
    static func runQuickly(_ words: [String]) -> Outcome? {
        words.contains { $0 == "--help" || $0 == "-h" || $0 == "--version" } ? nil : send(words)
    }

    private static func send(_ words: [String]) -> Outcome {
        var socket = AgentConfiguration.defaultControlSocket
        var arguments: [String] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--socket" {
                guard let path = rest.popFirst() else {
                    Output.complain("notify: --socket needs a path")
                    return .usage
                }
                socket = path
            } else if word.hasPrefix("--socket=") {
                socket = String(word.dropFirst("--socket=".count))
            } else {
                arguments.append(word)
            }
        }
        let notification: RoleNotification
        do throws(RoleNotification.Refusal) {
            notification = try RoleNotification(arguments: arguments, sentAt: MonotonicClock.now().nanoseconds)
        } catch {
            Output.complain("notify: \(error.reason)")
            return .usage
        }
        do throws(ControlClientError) {
            let reply: ControlReply
            do throws(ControlClientError) { reply = try ask(.notify(notification), at: socket) } catch {
                // keepalived's script user may not use the control socket; the one beside it asks who he is.
                guard case .notPermitted = error else { throw error }
                reply = try ask(.notify(notification), at: AgentProcess.notifySocket(beside: socket))
            }
            if case .refused(let reason) = reply {
                Output.complain("notify: \(reason)")
                return .failed
            }
            return .done
        } catch {
            Output.complain("notify: \(error.reason)")
            return error.outcome
        }
    }

    private static func ask(
        _ request: ControlRequest, at path: String
    ) throws(ControlClientError) -> ControlReply {
        var client = try ControlClient(path: path, seconds: patience)
        try client.send(request)
        return try client.receive()
    }
}
