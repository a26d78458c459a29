internal import CLinux
internal import Conntrack
internal import Glibc
internal import LinuxIO

/// What an interface is now (netdevice(7)).
public struct NetworkDevice: Equatable, Sendable {
    /// The number that the kernel gave it; a device that is made anew has another.
    public let index: UInt32
    /// Bytes of a packet at most, IP header included.
    public let mtu: Int
    /// Whether it was set up.
    public let isUp: Bool
    /// Whether it is up and its medium works.
    public let hasCarrier: Bool

    /// Reads an interface through any socket of the network namespace.
    static func read(_ name: String, through socket: borrowing FileDescriptor) throws(LinkError) -> NetworkDevice {
        // Not if_nametoindex(3): it opens a socket of its own, and a link must not go for want of descriptors.
        var request = try unsafe self.request(SIOCGIFINDEX, "SIOCGIFINDEX", name, socket)
        let index = unsafe UInt32(bitPattern: request.ifr_ifru.ifru_ivalue)
        unsafe request = try self.request(SIOCGIFMTU, "SIOCGIFMTU", name, socket)
        let mtu = unsafe Int(request.ifr_ifru.ifru_mtu)
        unsafe request = try self.request(SIOCGIFFLAGS, "SIOCGIFFLAGS", name, socket)
        let flags = unsafe UInt32(UInt16(bitPattern: request.ifr_ifru.ifru_flags))
        return NetworkDevice(
            index: index, mtu: mtu, isUp: flags & UInt32(IFF_UP) != 0,
            hasCarrier: flags & UInt32(IFF_UP) != 0 && flags & UInt32(IFF_RUNNING) != 0)
    }

    /// Whether an address is one of an interface's now.
    static func hasAddress(_ address: Address, _ family: AddressFamily, on name: String) throws(LinkError) -> Bool {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&list) == 0 else { throw LinkError(SystemCallError("getifaddrs")) }
        defer { unsafe freeifaddrs(list) }
        var next = unsafe list
        while let entry = unsafe next {
            unsafe next = entry.pointee.ifa_next
            guard unsafe String(cString: entry.pointee.ifa_name) == name,
                let form = unsafe entry.pointee.ifa_addr
            else { continue }
            // glibc gives each address the room of the larger family.
            let endpoint = unsafe Endpoint(reading: UnsafeRawPointer(form), length: Endpoint.memorySize)
            if let endpoint, endpoint.family == family, endpoint.address == address { return true }
        }
        return false
    }

    private static func request(
        _ operation: Int32, _ call: StaticString, _ name: String, _ socket: borrowing FileDescriptor
    ) throws(LinkError) -> ifreq {
        var request = unsafe ifreq()
        unsafe withUnsafeMutableBytes(of: &request.ifr_ifrn.ifrn_name) {
            unsafe $0.copyBytes(from: name.utf8.prefix(15))
        }
        guard unsafe ioctl(socket.rawValue, UInt(operation), &request) == 0 else {
            throw LinkError(SystemCallError(call))
        }
        return unsafe request
    }
}
