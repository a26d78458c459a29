internal import CLinux
internal import Conntrack
internal import Glibc

/// An address, of IPv4 or IPv6, and a port.
struct Endpoint {
    private var ipv4 = sockaddr_in()
    private var ipv6 = sockaddr_in6()
    private let family: AddressFamily

    /// Reads an address.
    init(address: String, port: UInt16) throws(LabError) {
        guard let (value, family) = Address.parse(address) else { throw .notAnAddress(address) }
        self.init(value, family, port: port)
    }

    /// An address and a port.
    init(_ address: Address, _ family: AddressFamily, port: UInt16 = 0) {
        self.family = family
        ipv4.sin_family = sa_family_t(AF_INET)
        ipv4.sin_port = port.bigEndian
        ipv4.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
        ipv6.sin6_family = sa_family_t(AF_INET6)
        ipv6.sin6_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &ipv6.sin6_addr) {
            unsafe $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            unsafe $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
    }

    /// What socket(2) calls the family.
    var domain: Int32 { family == .ipv4 ? AF_INET : AF_INET6 }

    /// Calls a function that takes a socket address.
    mutating func withName<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch family {
        case .ipv4: unsafe Self.withName(&ipv4, body)
        case .ipv6: unsafe Self.withName(&ipv6, body)
        }
    }

    private static func withName<Name, Result>(
        _ name: inout Name, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<Name>.size))
            }
        }
    }
}
