import CLinux
import Glibc
import LabSupport

/// A router between a client and a server, in three network namespaces of one thread.
///
/// The client is 192.168.10.10 and 2001:db8:10::10 behind the router's `lan0`, the server 203.0.113.10 and
/// 2001:db8:203::10 behind `wan0`; the router is .2 in both networks. Sockets stay in the namespace that they were
/// opened in.
final class ForwardingPath {
    enum Node: Int { case router, client, server }

    struct Failure: Error { let step: String, errno: Int32 }

    private static let newNetwork: Int32 = 0x4000_0000
    private var namespaces: [Int32] = []
    private var sockets: [Int32] = []

    /// Makes the path; the calling thread, which belongs to the test alone, is in the router's namespace then.
    init() throws {
        for _ in 0..<3 {
            guard ctsync_unshare(Self.newNetwork) == 0 else { throw Failure(step: "unshare", errno: errno) }
            let number = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            guard number >= 0 else { throw Failure(step: "open", errno: errno) }
            namespaces.append(number)
            try Command.run("ip", "link", "set", "lo", "up")
            // Link-local addresses at once: without one a router asks for no neighbour.
            try Command.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
        }
        try join(.client, "lan0", "192.168.10", "2001:db8:10:")
        try join(.server, "wan0", "203.0.113", "2001:db8:203:")
        try enter(.router)
        try Command.run(
            "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
            "net.netfilter.nf_conntrack_tcp_loose=0")
        try enter(.client)
        for address in ["203.0.113.10", "2001:db8:203::10"] { try Command.waitForAnswer(from: address) }
        try enter(.router)
    }

    deinit { for number in sockets + namespaces { close(number) } }

    /// Moves the calling thread.
    func enter(_ node: Node) throws {
        guard ctsync_setns(namespaces[node.rawValue], Self.newNetwork) == 0 else {
            throw Failure(step: "setns", errno: errno)
        }
    }

    private func join(_ node: Node, _ interface: String, _ network4: String, _ network6: String) throws {
        try enter(node)
        try Command.run("ip", "link", "add", "far", "type", "veth", "peer", "name", interface)
        try Command.run("ip", "link", "set", interface, "netns", "/proc/\(getpid())/fd/\(namespaces[0])")
        for (end, interface, host) in [(node, "far", "10"), (.router, interface, "2")] {
            try enter(end)
            try Command.run("ip", "address", "add", "\(network4).\(host)/24", "dev", interface)
            try Command.run("ip", "address", "add", "\(network6):\(host)/64", "dev", interface, "nodad")
            try Command.run("ip", "link", "set", interface, "up")
        }
        try enter(node)
        try Command.run("ip", "route", "add", "default", "via", "\(network4).2")
        try Command.run("ip", "-6", "route", "add", "default", "via", "\(network6):2")
    }

    /// A datagram socket in a node, bound to a port of every address; the thread is in the router's namespace then.
    func datagrams(in node: Node, port: UInt16, ipv6: Bool = false) throws -> Int32 {
        try socket(in: node, kind: SOCK_DGRAM, protocol: 0, port: port, ipv6: ipv6)
    }

    /// A socket for TCP segments made by hand.
    func segments(in node: Node) throws -> Int32 {
        try socket(in: node, kind: SOCK_RAW, protocol: Int32(IPPROTO_TCP), port: 0, ipv6: false)
    }

    private func socket(
        in node: Node, kind: __socket_type, protocol number: Int32, port: UInt16, ipv6: Bool
    ) throws -> Int32 {
        try enter(node)
        let type = Int32(kind.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(ipv6 ? AF_INET6 : AF_INET, type, number)
        guard descriptor >= 0 else { throw Failure(step: "socket", errno: errno) }
        sockets.append(descriptor)
        try withAddress(ipv6 ? "::" : "0.0.0.0", port) { address, size in
            guard bind(descriptor, address, size) == 0 else { throw Failure(step: "bind", errno: errno) }
        }
        try enter(.router)
        return descriptor
    }

    /// Fixes whom a socket speaks with, so that it hears of rejections.
    func connect(_ socket: Int32, to target: String, port: UInt16) throws {
        try withAddress(target, port) { address, size in
            guard Glibc.connect(socket, address, size) == 0 else { throw Failure(step: "connect", errno: errno) }
        }
    }

    func send(_ bytes: [UInt8], through socket: Int32) throws {
        guard Glibc.send(socket, bytes, bytes.count, 0) == bytes.count else {
            throw Failure(step: "send", errno: errno)
        }
    }

    /// Sends one byte, and whether it arrives; veth delivers before the send returns, or within the softirq's delay.
    func passes(_ from: Int32, _ to: Int32) throws -> Bool {
        try send([1], through: from)
        return try hears(to)
    }

    /// Whether something is there to read, after 300 ms at most; an error that waits is thrown.
    func hears(_ socket: Int32) throws -> Bool {
        var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 300) > 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 128)
        guard recv(socket, &bytes, bytes.count, 0) > 0 else { throw Failure(step: "recv", errno: errno) }
        return true
    }

    private func withAddress(
        _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>?, socklen_t) throws -> Void
    ) throws {
        if text.contains(":") {
            var inner = sockaddr_in6()
            inner.sin6_family = sa_family_t(AF_INET6)
            inner.sin6_port = port.bigEndian
            guard inet_pton(AF_INET6, text, &inner.sin6_addr) == 1 else { throw Failure(step: text, errno: 0) }
            try withUnsafeBytes(of: inner) { raw in
                try body(raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
            }
        } else {
            var inner = sockaddr_in()
            inner.sin_family = sa_family_t(AF_INET)
            inner.sin_port = port.bigEndian
            guard inet_pton(AF_INET, text, &inner.sin_addr) == 1 else { throw Failure(step: text, errno: 0) }
            try withUnsafeBytes(of: inner) { raw in
                try body(raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
            }
        }
    }
}
