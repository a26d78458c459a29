internal import ControlProtocol
internal import Glibc
internal import LinuxIO

/// Why the agent could not be asked, or did not answer.
enum ControlClientError: Error {
    case agentNotRunning(path: String)
    case notPermitted(path: String)
    case pathTooLong
    case failed(call: String, code: Int32)
    /// Nothing came for so many seconds.
    case timedOut(seconds: Int)
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
        case .pathTooLong: "the path of the socket is longer than 107 bytes; choose a shorter one"
        case .failed(let call, let code):
            "\(call) failed: \(unsafe String(cString: strerror(code)))"
        case .timedOut(let seconds): "the agent did not answer for \(seconds) s; look at its journal"
        case .closed: "the agent closed the connection without an answer; look at its journal"
        case .malformed(.version(let version)):
            "the agent speaks version \(version) of the control protocol; restart it after the upgrade"
        case .malformed(let error): "the agent's answer could not be read (\(error)); look at its journal"
        }
    }
}

/// One connection to the agent: a blocking unix stream socket with a limit on every wait.
struct ControlClient: ~Copyable {
    private let socket: FileDescriptor
    private let seconds: Int
    private var assembler = FrameAssembler()
    private var chunk = [UInt8](repeating: 0, count: 64 << 10)

    /// Connects to the socket at `path`; no wait for the agent is longer than `seconds`.
    init(path: String, seconds: Int) throws(ControlClientError) {
        socket = try Self.connected(to: path, seconds: seconds)
        self.seconds = seconds
    }

    private static func connected(to path: String, seconds: Int) throws(ControlClientError) -> FileDescriptor {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw .failed(call: "socket", code: errno) }
        let socket = FileDescriptor(owning: number)
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            guard unsafe setsockopt(number, SOL_SOCKET, option, &limit, size) == 0 else {
                throw .failed(call: "setsockopt", code: errno)
            }
        }
        try connect(number, to: path, seconds: seconds)
        return socket
    }

    private static func connect(_ number: Int32, to path: String, seconds: Int) throws(ControlClientError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { throw .pathTooLong }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        while true {
            let result = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if result == 0 { return }
            switch errno {
            case EINTR: continue
            case ENOENT, ECONNREFUSED, ENOTDIR: throw .agentNotRunning(path: path)
            case EACCES, EPERM: throw .notPermitted(path: path)
            case EAGAIN: throw .timedOut(seconds: seconds)
            default: throw .failed(call: "connect", code: errno)
            }
        }
    }

    /// Sends a request.
    func send(_ request: ControlRequest) throws(ControlClientError) {
        let frame: [UInt8]
        do throws(ControlProtocolError) { frame = try request.frame() } catch { throw .malformed(error) }
        var start = 0
        while start < frame.count {
            let count = unsafe frame.withUnsafeBytes { bytes in
                unsafe Glibc.send(
                    socket.rawValue, bytes.baseAddress?.advanced(by: start), bytes.count - start,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                start += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: throw .timedOut(seconds: seconds)
            case EPIPE, ECONNRESET: throw .closed
            default: throw .failed(call: "send", code: errno)
            }
        }
    }

    /// Waits for the next reply.
    mutating func receive() throws(ControlClientError) -> ControlReply {
        while true {
            do throws(ControlProtocolError) {
                if let payload = try assembler.next() { return try ControlReply(payload: payload) }
            } catch { throw .malformed(error) }
            let count = unsafe chunk.withUnsafeMutableBytes { bytes in
                unsafe recv(socket.rawValue, bytes.baseAddress, bytes.count, 0)
            }
            if count > 0 {
                assembler.append(chunk.prefix(count))
                continue
            }
            guard count < 0 else { throw .closed }
            switch errno {
            case EINTR: continue
            case EAGAIN: throw .timedOut(seconds: seconds)
            case ECONNRESET: throw .closed
            default: throw .failed(call: "recv", code: errno)
            }
        }
    }
}
