internal import CLinux
internal import Glibc

/// Real packets over the loopback of this thread's namespace, so that the kernel itself makes flows.
public struct LoopbackTraffic: ~Copyable {
    /// Why a socket did not do what was asked.
    public struct Failure: Error, Equatable {
        public let step: String
        public let errno: Int32
    }

    /// Sockets stay open until the traffic goes, so that flows stay as they are.
    private var sockets: [Int32] = []

    /// Makes silence.
    public init() {}

    deinit { for number in sockets { _ = close(number) } }

    /// Adds addresses to loopback.
    public static func addAddresses(_ addresses: [String]) throws {
        for address in addresses {
            try Command.run(["ip", "addr", "add", address, "dev", "lo"] + (address.contains(":") ? ["nodad"] : []))
        }
    }

    /// Opens a connection from an address to `target`, which is answered by a listener on `server`.
    public mutating func connect(
        from client: (String, UInt16), to target: (String, UInt16), server: (String, UInt16)
    ) throws {
        let listener = try socket(SOCK_STREAM, server)
        guard listen(listener, 1) == 0 else { throw Failure(step: "listen", errno: errno) }
        let connection = try socket(SOCK_STREAM, client)
        try unsafe withAddress(target) { address, size throws in
            guard unsafe Glibc.connect(connection, address, size) == 0 else {
                throw Failure(step: "connect", errno: errno)
            }
        }
        let accepted = accept(listener, nil, nil)
        guard accepted >= 0 else { throw Failure(step: "accept", errno: errno) }
        sockets.append(accepted)
        for _ in 0..<2 {
            try pass(connection, accepted)
            try pass(accepted, connection)
        }
    }

    /// What one end of a conversation says.
    public enum Line: Sendable {
        case client(String)
        case server(String)
    }

    /// Opens a connection as `connect` does and has the ends speak in turn.
    ///
    /// - Returns: each line as the other end heard it.
    public mutating func converse(
        from client: (String, UInt16), to target: (String, UInt16), server: (String, UInt16), _ lines: [Line]
    ) throws -> [String] {
        let listener = try socket(SOCK_STREAM, server)
        guard listen(listener, 1) == 0 else { throw Failure(step: "listen", errno: errno) }
        let connection = try socket(SOCK_STREAM, client)
        try unsafe withAddress(target) { address, size throws in
            guard unsafe Glibc.connect(connection, address, size) == 0 else {
                throw Failure(step: "connect", errno: errno)
            }
        }
        let accepted = accept(listener, nil, nil)
        guard accepted >= 0 else { throw Failure(step: "accept", errno: errno) }
        sockets.append(accepted)
        return try lines.map { line in
            let (speaker, hearer, text) =
                switch line {
                case .client(let text): (connection, accepted, text)
                case .server(let text): (accepted, connection, text)
                }
            let bytes = Array((text + "\r\n").utf8)
            guard unsafe send(speaker, bytes, bytes.count, 0) == bytes.count else {
                throw Failure(step: "send", errno: errno)
            }
            var heard = [UInt8](repeating: 0, count: 512)
            let count = unsafe recv(hearer, &heard, heard.count, 0)
            guard count > 2 else { throw Failure(step: "recv", errno: errno) }
            return String(decoding: heard[..<(count - 2)], as: UTF8.self)
        }
    }

    /// Sends one packet of a protocol without ports: `payload` is what stands behind the IP header.
    public mutating func emit(
        _ payload: [UInt8], of protocol: Int32, from client: String, to target: String
    ) throws {
        let sender = try socket(SOCK_RAW, (client, 0), kind: `protocol`)
        try unsafe withAddress((target, 0)) { address, size throws in
            guard unsafe sendto(sender, payload, payload.count, 0, address, size) == payload.count else {
                throw Failure(step: "sendto", errno: errno)
            }
        }
    }

    /// Sends a datagram from an address to `target` and has it answered by `server`, twice.
    public mutating func exchange(
        from client: (String, UInt16), to target: (String, UInt16), server: (String, UInt16)
    ) throws {
        let answering = try socket(SOCK_DGRAM, server)
        let asking = try socket(SOCK_DGRAM, client)
        try unsafe withAddress(target) { address, size throws in
            guard unsafe Glibc.connect(asking, address, size) == 0 else {
                throw Failure(step: "connect", errno: errno)
            }
        }
        for _ in 0..<2 {
            var byte: UInt8 = 1
            guard unsafe send(asking, &byte, 1, 0) == 1 else { throw Failure(step: "send", errno: errno) }
            var peer = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            try unsafe withUnsafeMutableBytes(of: &peer) { raw in
                let address = unsafe raw.baseAddress?.assumingMemoryBound(to: sockaddr.self)
                guard unsafe recvfrom(answering, &byte, 1, 0, address, &size) == 1 else {
                    throw Failure(step: "recvfrom", errno: errno)
                }
                guard unsafe sendto(answering, &byte, 1, 0, address, size) == 1 else {
                    throw Failure(step: "sendto", errno: errno)
                }
            }
            guard unsafe recv(asking, &byte, 1, 0) == 1 else { throw Failure(step: "recv", errno: errno) }
        }
    }

    /// Sends one echo request with an id (RFC 792, RFC 4443); the kernel answers it.
    public mutating func ping(from client: String, to target: String, id: UInt16) throws {
        let isIPv6 = target.contains(":")
        let sender = try socket(SOCK_RAW, (client, 0), kind: isIPv6 ? 58 : 1)
        var message: [UInt8] = [isIPv6 ? 128 : 8, 0, 0, 0, UInt8(id >> 8), UInt8(id & 0xff), 0, 1]
        if !isIPv6 {
            let sum = UInt32(0x0800) + UInt32(id) + 1
            let checksum = ~UInt16(truncatingIfNeeded: (sum >> 16) + (sum & 0xffff))
            message[2] = UInt8(checksum >> 8)
            message[3] = UInt8(checksum & 0xff)
        }
        let bytes = message
        try unsafe withAddress((target, 0)) { address, size throws in
            guard unsafe sendto(sender, bytes, bytes.count, 0, address, size) == bytes.count else {
                throw Failure(step: "sendto", errno: errno)
            }
        }
    }

    private func pass(_ from: Int32, _ to: Int32) throws {
        var byte: UInt8 = 1
        guard unsafe send(from, &byte, 1, 0) == 1 else { throw Failure(step: "send", errno: errno) }
        guard unsafe recv(to, &byte, 1, 0) == 1 else { throw Failure(step: "recv", errno: errno) }
    }

    /// A socket bound to an address, which gives up after two seconds of silence.
    private mutating func socket(
        _ type: __socket_type, _ address: (String, UInt16), kind: Int32 = 0
    ) throws -> Int32 {
        let family = address.0.contains(":") ? AF_INET6 : AF_INET
        let number = Glibc.socket(family, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), kind)
        guard number >= 0 else { throw Failure(step: "socket", errno: errno) }
        sockets.append(number)
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        _ = unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        try unsafe withAddress(address) { pointer, size throws in
            guard unsafe bind(number, pointer, size) == 0 else { throw Failure(step: "bind", errno: errno) }
        }
        return number
    }

    private func withAddress(
        _ address: (String, UInt16), _ body: (UnsafePointer<sockaddr>?, socklen_t) throws -> Void
    ) throws {
        if address.0.contains(":") {
            var inner = sockaddr_in6()
            inner.sin6_family = sa_family_t(AF_INET6)
            inner.sin6_port = address.1.bigEndian
            guard unsafe inet_pton(AF_INET6, address.0, &inner.sin6_addr) == 1 else {
                throw Failure(step: address.0, errno: 0)
            }
            try unsafe withUnsafeBytes(of: inner) { raw in
                try unsafe body(raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
            }
        } else {
            var inner = sockaddr_in()
            inner.sin_family = sa_family_t(AF_INET)
            inner.sin_port = address.1.bigEndian
            guard unsafe inet_pton(AF_INET, address.0, &inner.sin_addr) == 1 else {
                throw Failure(step: address.0, errno: 0)
            }
            try unsafe withUnsafeBytes(of: inner) { raw in
                try unsafe body(raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
            }
        }
    }
}
