internal import CLinux
internal import Conntrack
internal import Glibc
internal import LinuxIO

/// Sends a datagram to itself over loopback.
enum LoopbackDatagram {
    private static let patience: Int32 = 100

    /// The tuple of a datagram that arrived, nil if none did.
    static func deliver(_ family: AddressFamily) -> Tuple? {
        guard let receiver = open(family), let sender = open(family), let target = port(receiver, family),
            let source = port(sender, family), send(sender, family, to: target)
        else { return nil }
        var waiting = pollfd(fd: receiver.rawValue, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waiting, 1, patience) == 1 else { return nil }
        let loopback = family == .ipv4 ? Address(ipv4: 0x7f00_0001) : Address(high: 0, low: 1)
        return Tuple(
            source: loopback, destination: loopback, sourceKey: source, destinationKey: target, family: family,
            protocol: .udp)
    }

    private static func open(_ family: AddressFamily) -> LinuxIO.FileDescriptor? {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = socket(Int32(family.rawValue), kind, 0)
        guard number >= 0 else { return nil }
        let descriptor = LinuxIO.FileDescriptor(owning: number)
        let result = unsafe withLoopback(family, port: 0) { unsafe bind(number, $0, $1) }
        guard result == 0 else { return nil }
        return descriptor
    }

    private static func port(_ descriptor: borrowing LinuxIO.FileDescriptor, _ family: AddressFamily) -> UInt16? {
        var storage = sockaddr_in6()
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let result = unsafe withUnsafeMutableBytes(of: &storage) { raw in
            unsafe getsockname(
                descriptor.rawValue, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
        }
        // The port stands at the same place for both families.
        return result == 0 ? UInt16(bigEndian: storage.sin6_port) : nil
    }

    private static func send(
        _ descriptor: borrowing LinuxIO.FileDescriptor, _ family: AddressFamily, to port: UInt16
    ) -> Bool {
        let number = descriptor.rawValue
        var byte: UInt8 = 0
        return unsafe withLoopback(family, port: port) { unsafe sendto(number, &byte, 1, 0, $0, $1) } == 1
    }

    private static func withLoopback<Result>(
        _ family: AddressFamily, port: UInt16, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Result
    ) -> Result {
        switch family {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return unsafe withUnsafeBytes(of: address) { raw in
                unsafe body(raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
            }
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0[15] = 1 }
            return unsafe withUnsafeBytes(of: address) { raw in
                unsafe body(raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
            }
        }
    }
}
