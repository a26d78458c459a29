import CLinux
import Glibc

/// A UDP socket of someone else on IPv4 loopback: any address of 127.0.0.0/8, any port.
struct ForeignSocket: ~Copyable {
    let number: Int32
    let port: UInt16

    /// Binds to an address given as its last byte: 2 is 127.0.0.2.
    ///
    /// Port 0 lets the kernel choose.
    init(_ last: UInt32, port: UInt16 = 0) {
        number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = Self.address(last, port)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let number = self.number
        withUnsafeMutableBytes(of: &address) { bytes in
            let form = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            precondition(form.map { bind(number, $0, size) } == 0)
            precondition(form.map { getsockname(number, $0, &size) } == 0)
        }
        self.port = UInt16(bigEndian: address.sin_port)
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(number) }

    /// Sends bytes to an address of loopback.
    func send(_ bytes: [UInt8], to last: UInt32, port: UInt16) {
        var address = Self.address(last, port)
        let count = withUnsafeBytes(of: &address) { form in
            sendto(
                number, bytes, bytes.count, 0, form.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(form.count))
        }
        precondition(count == bytes.count)
    }

    /// Waits for a datagram for at most two seconds.
    func receive() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 2_048)
        let count = recv(number, &bytes, bytes.count, 0)
        return count < 0 ? nil : Array(bytes[..<count])
    }

    private static func address(_ last: UInt32, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (0x7f00_0000 | last).bigEndian
        return address
    }
}
