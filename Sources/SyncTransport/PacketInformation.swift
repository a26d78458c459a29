internal import CLinux
internal import Conntrack
internal import Glibc

/// Interface and local address of a datagram, as it travels beside it (IP_PKTINFO in ip(7), IPV6_PKTINFO in ipv6(7)).
struct PacketInformation: Equatable {
    /// Where the datagram came in, or shall go out.
    var interface: UInt32
    /// The address it was sent to, or shall be sent from; `Address.any` leaves the choice to the kernel.
    var address: Address
    /// Whether `address` is the node's own, not a broadcast's; a group of IPv4 is not either.
    var isLocal = true

    /// Bytes before the data of an ancillary message.
    private static let headerSize = MemoryLayout<cmsghdr>.size

    init(interface: UInt32, address: Address) {
        self.interface = interface
        self.address = address
    }

    /// Reads the first ancillary message; nil if it is another.
    ///
    /// The link asks for no other kind.
    @unsafe init?(reading memory: UnsafeRawPointer, length: Int) {
        guard length >= Self.headerSize else { return nil }
        let header = unsafe memory.loadUnaligned(as: cmsghdr.self)
        let data = unsafe memory + Self.headerSize
        let size = length - Self.headerSize
        switch (header.cmsg_level, header.cmsg_type) {
        case (Int32(IPPROTO_IP), IP_PKTINFO) where size >= MemoryLayout<in_pktinfo>.size:
            let form = unsafe data.loadUnaligned(as: in_pktinfo.self)
            self.init(
                interface: UInt32(bitPattern: form.ipi_ifindex),
                address: Address(ipv4: UInt32(bigEndian: form.ipi_addr.s_addr)))
            isLocal = form.ipi_addr.s_addr == form.ipi_spec_dst.s_addr
        case (Int32(IPPROTO_IPV6), IPV6_PKTINFO) where size >= 20:
            // struct in6_pktinfo: an address and an interface's index.
            let form = unsafe data.loadUnaligned(as: in6_addr.self)
            self.init(
                interface: unsafe data.loadUnaligned(fromByteOffset: 16, as: UInt32.self), address: Address(form))
        default:
            return nil
        }
    }

    /// Writes an ancillary message into `MessageVectors.controlSize` bytes; returns its length as `msg_controllen`.
    @unsafe func store(into memory: UnsafeMutableRawPointer, _ family: AddressFamily) -> Int {
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: MessageVectors.controlSize)
        let data = unsafe memory + Self.headerSize
        var header = cmsghdr()
        let size: Int
        switch family {
        case .ipv4:
            var form = in_pktinfo()
            form.ipi_ifindex = Int32(bitPattern: interface)
            form.ipi_spec_dst = address.ipv4
            unsafe data.storeBytes(of: form, as: in_pktinfo.self)
            header.cmsg_level = Int32(IPPROTO_IP)
            header.cmsg_type = IP_PKTINFO
            size = MemoryLayout<in_pktinfo>.size
        case .ipv6:
            unsafe data.storeBytes(of: address.ipv6, as: in6_addr.self)
            unsafe data.storeBytes(of: interface, toByteOffset: 16, as: UInt32.self)
            header.cmsg_level = Int32(IPPROTO_IPV6)
            header.cmsg_type = IPV6_PKTINFO
            size = 20
        }
        header.cmsg_len = Self.headerSize + size
        unsafe memory.storeBytes(of: header, as: cmsghdr.self)
        let word = MemoryLayout<Int>.size
        return Self.headerSize + (size + word - 1) / word * word
    }
}
