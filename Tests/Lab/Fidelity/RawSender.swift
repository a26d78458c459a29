internal import CLinux
internal import Conntrack
internal import Glibc
internal import LabSupport
internal import LinuxIO

/// Sends whole IP packets from a namespace, whatever source address they bear.
final class RawSender {
    private let ipv4: FileDescriptor
    private let ipv6: FileDescriptor

    /// Opens the sockets inside a namespace, where they stay.
    init(in namespace: String) throws {
        let numbers = try NetworkNamespace.with(named: namespace) {
            // IPPROTO_RAW: the packet brings its header (raw(7)).
            try [AF_INET, AF_INET6].map { family in
                let number = socket(family, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_RAW))
                guard number >= 0 else { throw LabError.system(SystemCallError("socket")) }
                return number
            }
        }
        ipv4 = FileDescriptor(owning: numbers[0])
        ipv6 = FileDescriptor(owning: numbers[1])
    }

    /// Sends a packet along its tuple.
    func send(_ packet: Packet, along tuple: Tuple) throws(LabError) {
        let bytes = packet.bytes
        let sent: Int
        switch tuple.family {
        case .ipv4:
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(truncatingIfNeeded: tuple.destination.low).bigEndian
            sent = unsafe withUnsafeBytes(of: &name) { unsafe Self.send(ipv4.rawValue, bytes, $0) }
        case .ipv6:
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            unsafe withUnsafeMutableBytes(of: &name.sin6_addr) {
                unsafe $0.storeBytes(of: tuple.destination.high.bigEndian, as: UInt64.self)
                unsafe $0.storeBytes(of: tuple.destination.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            sent = unsafe withUnsafeBytes(of: &name) { unsafe Self.send(ipv6.rawValue, bytes, $0) }
        }
        guard sent == bytes.count else { throw .system(SystemCallError("sendto")) }
    }

    private static func send(_ number: Int32, _ bytes: [UInt8], _ name: UnsafeRawBufferPointer) -> Int {
        unsafe sendto(
            number, bytes, bytes.count, 0, name.baseAddress?.assumingMemoryBound(to: sockaddr.self),
            socklen_t(name.count))
    }
}
