internal import Glibc
internal import LabSupport

/// A connection between the two hosts' own sockets.
final class HostConnection {
    private let listener: SocketBox
    private let client: SocketBox
    private var accepted: EchoSocket?

    /// A socket that a thread in another namespace can hand over.
    private final class SocketBox {
        let socket: EchoSocket
        init(_ socket: consuming EchoSocket) { self.socket = socket }
    }

    /// Connects and has it accepted, within two seconds.
    init(_ row: FidelityRow, _ namespaces: FidelityNamespaces) throws {
        let endpoint = try Endpoint(address: row.target, port: row.serverKey)
        listener = try NetworkNamespace.with(named: namespaces.wan) {
            SocketBox(try EchoSocket.listening(on: endpoint, .tcp))
        }
        client = try NetworkNamespace.with(named: namespaces.lan) {
            SocketBox(try EchoSocket.connecting(to: endpoint, .tcp))
        }
        for _ in 0..<200 {
            // A proxy answers for the server before it has asked it: a first byte makes it go on.
            _ = client.socket.write([1], count: 1)
            if let socket = listener.socket.accept() {
                accepted = consume socket
                return
            }
            usleep(10_000)
        }
    }
}
