internal import CLinux
internal import Conntrack
internal import Glibc
internal import LinuxIO

/// Opens and prepares the socket of a link (udp(7), ip(7), ipv6(7)).
enum LinkSocket {
    /// Opens a socket of a family, without an address.
    static func open(_ family: AddressFamily) throws(LinkError) -> FileDescriptor {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = socket(Int32(family.rawValue), kind, Int32(IPPROTO_UDP))
        guard number >= 0 else { throw LinkError(SystemCallError("socket")) }
        return FileDescriptor(owning: number)
    }

    /// Sets the options of a link and binds it; whether the socket is bound to the device.
    static func prepare(
        _ socket: borrowing FileDescriptor, _ settings: LinkSettings, _ device: NetworkDevice, listenAddress: Address?,
        bindingToDevice: Bool
    ) throws(LinkError) -> Bool {
        let number = socket.rawValue
        // Without the right to do so (a kernel before 5.7), the packet information is checked and nothing is lost.
        let isBound = bindingToDevice && bindToDevice(number, settings.interface)
        setQueue(number, SO_SNDBUFFORCE, SO_SNDBUF, settings.queueBytes)
        setQueue(number, SO_RCVBUFFORCE, SO_RCVBUF, settings.queueBytes)
        switch settings.family {
        case .ipv4:
            try set(number, Int32(IPPROTO_IP), IP_PKTINFO, 1)
            try set(number, Int32(IPPROTO_IP), IP_MTU_DISCOVER, IP_PMTUDISC_DO)
            try set(number, Int32(IPPROTO_IP), IP_MULTICAST_ALL, 0)
        case .ipv6:
            try set(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
            try set(number, Int32(IPPROTO_IPV6), IPV6_RECVPKTINFO, 1)
            try set(number, Int32(IPPROTO_IPV6), IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO)
            try set(number, Int32(IPPROTO_IPV6), IPV6_MULTICAST_ALL, 0)
        }
        var own = listenAddress ?? .any
        if case .group(let group) = settings.audience {
            try join(number, group, settings.family, device, own: own)
            // Bound to its own address, the socket would hear no group; bound to the group, no repair.
            own = .any
        }
        try bind(number, Endpoint(own, settings.family, port: settings.port), device)
        return isBound
    }

    private static func bind(_ number: Int32, _ endpoint: Endpoint, _ device: NetworkDevice) throws(LinkError) {
        let result = unsafe withUnsafeTemporaryAllocation(byteCount: Endpoint.memorySize, alignment: 8) { memory in
            guard let start = memory.baseAddress else { return Int32(-1) }
            let length = unsafe endpoint.store(into: start, interface: device.index)
            return unsafe Glibc.bind(number, start.assumingMemoryBound(to: sockaddr.self), length)
        }
        guard result == 0 else { throw LinkError(SystemCallError("bind")) }
    }

    private static func join(
        _ number: Int32, _ group: Address, _ family: AddressFamily, _ device: NetworkDevice, own: Address
    ) throws(LinkError) {
        switch family {
        case .ipv4:
            let level = Int32(IPPROTO_IP)
            var request = ip_mreqn()
            request.imr_multiaddr = group.ipv4
            request.imr_address = own.ipv4
            request.imr_ifindex = Int32(bitPattern: device.index)
            let size = socklen_t(MemoryLayout<ip_mreqn>.size)
            guard unsafe setsockopt(number, level, IP_ADD_MEMBERSHIP, &request, size) == 0,
                unsafe setsockopt(number, level, IP_MULTICAST_IF, &request, size) == 0
            else { throw LinkError(SystemCallError("setsockopt")) }
            try set(number, level, IP_MULTICAST_TTL, 1)
            try set(number, level, IP_MULTICAST_LOOP, 0)
        case .ipv6:
            let level = Int32(IPPROTO_IPV6)
            var request = ipv6_mreq()
            request.ipv6mr_multiaddr = group.ipv6
            request.ipv6mr_interface = device.index
            let size = socklen_t(MemoryLayout<ipv6_mreq>.size)
            guard unsafe setsockopt(number, level, IPV6_ADD_MEMBERSHIP, &request, size) == 0 else {
                throw LinkError(SystemCallError("setsockopt"))
            }
            try set(number, level, IPV6_MULTICAST_IF, Int32(bitPattern: device.index))
            try set(number, level, IPV6_MULTICAST_HOPS, 1)
            try set(number, level, IPV6_MULTICAST_LOOP, 0)
        }
    }

    private static func bindToDevice(_ number: Int32, _ name: String) -> Bool {
        let bytes = Array(name.utf8) + [0]
        return unsafe setsockopt(number, SOL_SOCKET, SO_BINDTODEVICE, bytes, socklen_t(bytes.count)) == 0
    }

    /// Sets a queue above the system's ceiling where CAP_NET_ADMIN allows, and up to it otherwise.
    private static func setQueue(_ number: Int32, _ forced: Int32, _ usual: Int32, _ bytes: Int) {
        // The kernel doubles the value for its own overhead (socket(7)).
        var value = Int32(clamping: min(bytes, Int(Int32.max) / 2))
        let size = socklen_t(MemoryLayout<Int32>.size)
        if unsafe setsockopt(number, SOL_SOCKET, forced, &value, size) != 0 {
            _ = unsafe setsockopt(number, SOL_SOCKET, usual, &value, size)
        }
    }

    private static func set(
        _ number: Int32, _ level: Int32, _ option: Int32, _ value: Int32
    ) throws(LinkError) {
        var value = value
        guard unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw LinkError(SystemCallError("setsockopt"))
        }
    }
}
