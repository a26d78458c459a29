internal import CLinux
internal import Glibc

/// What a receive found; none of it is an error.
public enum NetlinkReceipt: Equatable, Sendable {
    /// The inbox holds this many datagrams, at least one.
    case datagrams(Int)
    /// Nothing is there now.
    case wouldBlock
    /// The kernel dropped messages for this socket since the last receive (ENOBUFS); what it kept is still to be read.
    case overran
}

/// A netlink socket (netlink(7)), never blocking and closed when its owner goes.
public struct NetlinkSocket: ~Copyable, Sendable {
    /// The netlink families that this project speaks; raw values are those of linux/netlink.h.
    public enum Family: Int32, Sendable {
        case route = 0
        case netfilter = 12
    }

    /// Switches of a netlink socket; raw values are those of linux/netlink.h.
    public enum Option: Int32, Sendable {
        /// Error replies carry the request's header only (NETLINK_CAP_ACK).
        case shortErrors = 10
        /// Error replies carry the kernel's text (NETLINK_EXT_ACK).
        case extendedErrors = 11
        /// Dump requests are checked, and filtered by what they carry (NETLINK_GET_STRICT_CHK).
        case strictChecking = 12
    }

    private let descriptor: FileDescriptor
    /// The address of this socket that the kernel gave at `bind`, 0 before; unlike a process id it is per socket.
    public private(set) var portID: UInt32 = 0

    /// Opens a socket without an address.
    public init(_ family: Family) throws(NetlinkError) {
        let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = socket(AF_NETLINK, kind, family.rawValue)
        guard number >= 0 else { throw .failed(.open, errno: Glibc.errno) }
        descriptor = FileDescriptor(owning: number)
    }

    /// The descriptor's number, for epoll; valid while the socket lives.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Takes an address from the kernel, and the multicast groups of a bit mask (bit n - 1 is group n).
    public mutating func bind(groups: UInt32 = 0) throws(NetlinkError) {
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        address.nl_groups = groups
        let number = descriptor.rawValue
        var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
        let bound = unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe Glibc.bind(number, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), length)
        }
        guard bound == 0 else { throw .failed(.bind, errno: Glibc.errno) }
        let named = unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe getsockname(number, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
        }
        guard named == 0 else { throw .failed(.readPortID, errno: Glibc.errno) }
        portID = address.nl_pid
    }

    /// Enters a multicast group by its number.
    public func join(group: UInt32) throws(NetlinkError) {
        guard set(level: SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, Int32(bitPattern: group)) else {
            throw .failed(.join, errno: Glibc.errno)
        }
    }

    /// Leaves a multicast group by its number; what it sent before stays in the queue.
    public func leave(group: UInt32) throws(NetlinkError) {
        guard set(level: SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, Int32(bitPattern: group)) else {
            throw .failed(.leave, errno: Glibc.errno)
        }
    }

    /// Switches an option on or off.
    public func set(_ option: Option, _ isOn: Bool = true) throws(NetlinkError) {
        guard set(level: SOL_NETLINK, option.rawValue, isOn ? 1 : 0) else {
            throw .failed(.setOption, errno: Glibc.errno)
        }
    }

    /// Sets the ceiling of the receive queue in bytes, above net.core.rmem_max where CAP_NET_ADMIN allows.
    ///
    /// Without the right it becomes what net.core.rmem_max allows; `receiveBuffer` tells what holds.
    public func setReceiveBuffer(bytes: Int) throws(NetlinkError) {
        let wanted = Int32(clamping: bytes)
        guard set(level: SOL_SOCKET, SO_RCVBUFFORCE, wanted) || set(level: SOL_SOCKET, SO_RCVBUF, wanted) else {
            throw .failed(.setBuffer, errno: Glibc.errno)
        }
    }

    /// The ceiling of the receive queue in bytes, as the kernel accounts it: twice what was asked (socket(7)).
    public var receiveBuffer: Int {
        var actual: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let result = unsafe getsockopt(descriptor.rawValue, SOL_SOCKET, SO_RCVBUF, &actual, &length)
        return result == 0 ? Int(actual) : 0
    }

    /// Sends one datagram of whole messages to the kernel, which has handled them when this returns.
    public func send(_ bytes: borrowing RawSpan) throws(NetlinkError) {
        let number = descriptor.rawValue
        while true {
            let sent = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(number, $0.baseAddress, $0.count, 0) }
            if sent >= 0 { return }
            guard Glibc.errno == EINTR else { throw .failed(.send, errno: Glibc.errno) }
        }
    }

    /// Receives what is there, at most `atMost` datagrams or what the inbox holds, by one system call.
    public func receive(
        into inbox: inout NetlinkInbox, atMost: Int = .max
    ) throws(NetlinkError) -> NetlinkReceipt {
        let result = inbox.fill(from: descriptor.rawValue, atMost: atMost)
        if result > 0 { return .datagrams(result) }
        switch Int32(-result) {
        case 0, EAGAIN: return .wouldBlock
        case ENOBUFS: return .overran
        case let errno: throw .failed(.receive, errno: errno)
        }
    }

    private func set(level: Int32, _ option: Int32, _ value: Int32) -> Bool {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        return unsafe setsockopt(descriptor.rawValue, level, option, &value, size) == 0
    }
}
