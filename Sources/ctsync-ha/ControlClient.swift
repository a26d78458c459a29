internal import Bytes
internal import ControlProtocol
internal import LinuxIO
internal import StateMachine

/// Why the agent could not be asked, or did not answer.
enum ControlClientError: Error {
    case agentNotRunning(path: String)
    case notPermitted(path: String)
    case unusablePath(String)
    case system(SystemCallError)
    /// Nothing came for so many seconds.
    case timedOut(seconds: UInt64)
    /// The agent closed the connection before it had answered.
    case closed
    case malformed(ControlProtocolError)

    /// How the command ends.
    var outcome: Outcome {
        if case .agentNotRunning = self { .agentNotRunning } else { .failed }
    }

    /// What is wrong and what to do.
    var reason: String {
        switch self {
        case .agentNotRunning(let path):
            "the agent is not running: nobody listens on \(path); start it, or name its socket with --socket"
        case .notPermitted(let path):
            "no permission to use \(path); be root, or in the group that `control-group` names"
        case .unusablePath(let path):
            "\(path.isEmpty ? "an empty path" : path) is no path of a socket; write one of at most 107 bytes"
        case .system(let error): "\(error)"
        case .timedOut(let seconds): "the agent did not answer for \(seconds) s; look at its journal"
        case .closed: "the agent closed the connection without an answer; look at its journal"
        case .malformed(.version(let version)):
            "the agent speaks version \(version) of the control protocol; restart it after the upgrade"
        case .malformed(let error): "the agent's answer could not be read (\(error)); look at its journal"
        }
    }
}

/// One connection to the agent, with a limit on every wait.
struct ControlClient: ~Copyable {
    /// Bytes of one read.
    private static let chunk = 64 << 10

    private let connection: UnixConnection
    private let seconds: UInt64
    private var assembler = FrameAssembler()

    /// Connects to the socket at `path`; no wait for the agent is longer than `seconds`.
    init(path: String, seconds: UInt64) throws(ControlClientError) {
        do throws(UnixConnection.ConnectFailure) {
            connection = try UnixConnection.connect(to: path, timeout: .seconds(seconds))
        } catch {
            switch error {
            case .nobodyListens: throw .agentNotRunning(path: path)
            case .notPermitted: throw .notPermitted(path: path)
            case .unusablePath: throw .unusablePath(path)
            case .system(let error): throw .system(error)
            }
        }
        self.seconds = seconds
    }

    /// Sends a request.
    func send(_ request: ControlRequest) throws(ControlClientError) {
        let frame: [UInt8]
        do throws(ControlProtocolError) { frame = try request.frame() } catch { throw .malformed(error) }
        var sent = 0
        let deadline = MonotonicClock.now() + .seconds(seconds)
        while sent < frame.count {
            let start = sent
            do throws(ControlClientError) {
                sent += try moved(before: deadline) { () throws(SystemCallError) in
                    try frame.withBytes { (bytes: borrowing RawSpan) throws(SystemCallError) in
                        try connection.write(bytes, from: start)
                    }
                }
            } catch {
                // Whoever turns us away says why before we have asked; the answer is there to be read.
                if case .closed = error { return }
                throw error
            }
        }
    }

    /// Waits for the next reply.
    mutating func receive() throws(ControlClientError) -> ControlReply {
        while true {
            do throws(ControlProtocolError) {
                if let payload = try assembler.next() { return try ControlReply(payload: payload) }
            } catch { throw .malformed(error) }
            var bytes: [UInt8] = []
            let deadline = MonotonicClock.now() + .seconds(seconds)
            _ = try moved(before: deadline) { () throws(SystemCallError) in
                try connection.read(into: &bytes, limit: Self.chunk)
            }
            assembler.append(bytes)
        }
    }

    /// Tries until bytes move: a stop and continue of this process ends a wait early, and is no timeout.
    private func moved(
        before deadline: Instant, _ attempt: () throws(SystemCallError) -> UnixConnection.Outcome
    ) throws(ControlClientError) -> Int {
        while true {
            let outcome: UnixConnection.Outcome
            do throws(SystemCallError) { outcome = try attempt() } catch { throw .system(error) }
            switch outcome {
            case .moved(let count): return count
            case .closed: throw .closed
            case .wouldBlock:
                // The kernel counts in ticks and may be a little early.
                if MonotonicClock.now() + .milliseconds(20) >= deadline { throw .timedOut(seconds: seconds) }
            }
        }
    }
}
