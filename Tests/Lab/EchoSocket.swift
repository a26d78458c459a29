internal import CLinux
internal import Glibc
internal import LinuxIO

/// What carries the exchanges.
enum Transport {
    case tcp
    case udp

    fileprivate var socketType: Int32 {
        switch self {
        case .tcp: Int32(SOCK_STREAM.rawValue)
        case .udp: Int32(SOCK_DGRAM.rawValue)
        }
    }
}

/// A non-blocking socket.
struct EchoSocket: ~Copyable {
    private let descriptor: FileDescriptor

    /// How a read or a write ended.
    enum Outcome: Equatable {
        case bytes(Int)
        case wouldBlock
        case closed
        case failed(Int32)
    }

    /// Waits for connections or datagrams.
    static func listening(on endpoint: Endpoint, _ transport: Transport) throws(LabError) -> EchoSocket {
        let socket = try EchoSocket(transport, endpoint.domain)
        var endpoint = endpoint
        socket.set(SOL_SOCKET, SO_REUSEADDR, to: 1)
        let number = socket.number
        guard unsafe endpoint.withName({ unsafe bind(number, $0, $1) }) == 0 else {
            throw .system(SystemCallError("bind"))
        }
        if transport == .tcp {
            guard listen(number, 1024) == 0 else { throw .system(SystemCallError("listen")) }
        }
        return socket
    }

    /// Begins to connect; the socket becomes writable when that is done.
    static func connecting(to endpoint: Endpoint, _ transport: Transport) throws(LabError) -> EchoSocket {
        let socket = try EchoSocket(transport, endpoint.domain)
        var endpoint = endpoint
        if transport == .tcp { socket.answerAtOnce() }
        let number = socket.number
        guard unsafe endpoint.withName({ unsafe connect(number, $0, $1) }) == 0 || errno == EINPROGRESS else {
            throw .system(SystemCallError("connect"))
        }
        return socket
    }

    private init(_ transport: Transport, _ domain: Int32) throws(LabError) {
        let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let number = socket(domain, transport.socketType | flags, 0)
        guard number >= 0 else { throw .system(SystemCallError("socket")) }
        descriptor = FileDescriptor(owning: number)
    }

    private init(owning number: Int32) { descriptor = FileDescriptor(owning: number) }

    /// The descriptor's number, for the event queue.
    var number: Int32 { descriptor.rawValue }

    /// The next waiting connection, if one waits.
    func accept() -> EchoSocket? {
        let number = Glibc.accept(self.number, nil, nil)
        guard number >= 0 else { return nil }
        let socket = EchoSocket(owning: number)
        _ = fcntl(number, F_SETFL, O_NONBLOCK)
        socket.answerAtOnce()
        return socket
    }

    /// No delay, and retransmission at a constant pace at first: a measured silence is the path's, not the back-off's.
    private func answerAtOnce() {
        set(Int32(IPPROTO_TCP), TCP_NODELAY, to: 1)
        set(Int32(IPPROTO_TCP), TCP_THIN_LINEAR_TIMEOUTS, to: 1)
    }

    private func set(_ level: Int32, _ option: Int32, to value: Int32) {
        var value = value
        _ = unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The pending error, or zero: how a connection attempt ended, once the socket is writable.
    func connectionError() -> Int32 {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &length)
        return error
    }

    /// Reads what is there.
    func read(into buffer: inout [UInt8]) -> Outcome {
        let count = unsafe recv(number, &buffer, buffer.count, 0)
        return count == 0 ? .closed : Self.outcome(count)
    }

    /// Writes the first bytes of a buffer.
    func write(_ buffer: [UInt8], count: Int, from offset: Int = 0) -> Outcome {
        let written = unsafe buffer.withUnsafeBytes { bytes in
            unsafe send(number, bytes.baseAddress?.advanced(by: offset), count - offset, Int32(MSG_NOSIGNAL))
        }
        return Self.outcome(written)
    }

    /// Answers one datagram with itself; false when none waits.
    func echoDatagram(through buffer: inout [UInt8]) -> Bool {
        var sender = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        return unsafe withUnsafeMutablePointer(to: &sender) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                let count = unsafe recvfrom(number, &buffer, buffer.count, 0, name, &length)
                guard count >= 0 else { return false }
                _ = unsafe sendto(number, buffer, count, 0, name, length)
                return true
            }
        }
    }

    private static func outcome(_ count: Int) -> Outcome {
        if count >= 0 { return .bytes(count) }
        return errno == EAGAIN || errno == EINTR ? .wouldBlock : .failed(errno)
    }
}
