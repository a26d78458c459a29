import CLinux
import Glibc
import LabSupport

/// Two network namespaces of one thread, joined by a cable: interface `sync` in both, with 10.99.0.1 and 10.99.0.2.
///
/// IPv6: fe80::1 and fe80::2, 2001:db8::1 and 2001:db8::2, without waiting for duplicates. A socket stays where it
/// was opened, so one thread can speak for both.
final class RouterPair {
    private static let newNetwork: Int32 = 0x4000_0000
    private let namespaces: [Int32]

    /// Makes the pair; the calling thread, which belongs to the test alone, is in the first namespace then.
    init() throws {
        var numbers: [Int32] = []
        for _ in 0..<2 {
            guard ctsync_unshare(Self.newNetwork) == 0 else {
                throw NetworkNamespace.Failure.unshare(errno: errno)
            }
            let number = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            guard number >= 0 else { throw NetworkNamespace.Failure.open(errno: errno) }
            numbers.append(number)
            try Command.run("ip", "link", "set", "lo", "up")
        }
        namespaces = numbers
        try addCable("sync")
        for (node, name) in ["1", "2"].enumerated() {
            try enter(node)
            try Command.run("ip", "address", "add", "10.99.0.\(name)/24", "dev", "sync")
            try Command.run("ip", "address", "add", "fe80::\(name)/64", "dev", "sync", "nodad")
            try Command.run("ip", "address", "add", "2001:db8::\(name)/64", "dev", "sync", "nodad")
        }
        try enter(0)
        for address in ["10.99.0.2", "2001:db8::2"] { try Command.waitForAnswer(from: address) }
    }

    deinit { for number in namespaces { close(number) } }

    /// Moves the calling thread to the first or second node.
    func enter(_ node: Int) throws {
        guard ctsync_setns(namespaces[node], Self.newNetwork) == 0 else {
            throw NetworkNamespace.Failure.enter(errno: errno)
        }
    }

    /// Joins the nodes by a cable whose ends have the same name and are up; the thread is in the first node then.
    func addCable(_ name: String) throws {
        try enter(1)
        try Command.run("ip", "link", "add", name, "type", "veth", "peer", "name", "far")
        try Command.run("ip", "link", "set", "far", "netns", "/proc/\(getpid())/fd/\(namespaces[0])")
        try Command.run("ip", "link", "set", name, "addrgenmode", "none")
        try Command.run("ip", "link", "set", name, "up")
        try enter(0)
        try Command.run("ip", "link", "set", "far", "name", name)
        try Command.run("ip", "link", "set", name, "addrgenmode", "none")
        try Command.run("ip", "link", "set", name, "up")
    }
}
