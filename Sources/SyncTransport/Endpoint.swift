internal import CLinux
internal import Conntrack
internal import Glibc

/// An address with a port, and its form for the kernel (ip(7), ipv6(7)).
struct Endpoint: Equatable, Sendable, BitwiseCopyable {
    /// Bytes of a kernel address of either family at most.
    static let memorySize = MemoryLayout<sockaddr_in6>.size

    var address: Address
    var family: AddressFamily
    var port: UInt16

    init(_ address: Address, _ family: AddressFamily, port: UInt16) {
        self.address = address
        self.family = family
        self.port = port
    }

    /// Reads a kernel address of `length` bytes; nil if it is of another family.
    @unsafe init?(reading memory: UnsafeRawPointer, length: Int) {
        guard length >= MemoryLayout<sockaddr_in>.size else { return nil }
        switch Int32(unsafe memory.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            let form = unsafe memory.loadUnaligned(as: sockaddr_in.self)
            self.init(
                Address(ipv4: UInt32(bigEndian: form.sin_addr.s_addr)), .ipv4, port: UInt16(bigEndian: form.sin_port))
        case AF_INET6 where length >= Self.memorySize:
            let form = unsafe memory.loadUnaligned(as: sockaddr_in6.self)
            self.init(Address(form.sin6_addr), .ipv6, port: UInt16(bigEndian: form.sin6_port))
        default:
            return nil
        }
    }

    /// Writes the kernel address into `memorySize` bytes; returns how many it has.
    ///
    /// - Parameter interface: the index that a link-local or multicast address of IPv6 needs.
    @unsafe func store(into memory: UnsafeMutableRawPointer, interface: UInt32) -> socklen_t {
        switch family {
        case .ipv4:
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_port = port.bigEndian
            form.sin_addr = address.ipv4
            unsafe memory.storeBytes(of: form, as: sockaddr_in.self)
            return socklen_t(MemoryLayout<sockaddr_in>.size)
        case .ipv6:
            var form = sockaddr_in6()
            form.sin6_family = sa_family_t(AF_INET6)
            form.sin6_port = port.bigEndian
            form.sin6_addr = address.ipv6
            form.sin6_scope_id = address.isScoped(.ipv6) ? interface : 0
            unsafe memory.storeBytes(of: form, as: sockaddr_in6.self)
            return socklen_t(Self.memorySize)
        }
    }

    /// As in `192.0.2.1:3780` or `[2001:db8::1]:3780`.
    var text: String {
        switch family {
        case .ipv4: "\(address.text(.ipv4)):\(port)"
        case .ipv6: "[\(address.text(.ipv6))]:\(port)"
        }
    }
}

extension Address {
    /// The kernel's form of an IPv4 address.
    var ipv4: in_addr { in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian) }

    /// The kernel's form of an IPv6 address.
    var ipv6: in6_addr {
        var form = in6_addr()
        unsafe withUnsafeMutableBytes(of: &form) { bytes in
            unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
            unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return form
    }

    /// Takes the kernel's form of an IPv6 address.
    init(_ form: in6_addr) {
        self = unsafe withUnsafeBytes(of: form) { bytes in
            unsafe Address(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}
