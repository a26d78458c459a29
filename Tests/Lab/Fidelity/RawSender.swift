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
        var name = Endpoint(tuple.destination, tuple.family)
        let number = tuple.family == .ipv4 ? ipv4.rawValue : ipv6.rawValue
        let sent = unsafe name.withName { unsafe sendto(number, bytes, bytes.count, 0, $0, $1) }
        guard sent == bytes.count else { throw .system(SystemCallError("sendto")) }
    }
}
