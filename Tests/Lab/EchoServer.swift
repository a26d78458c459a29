internal import LinuxIO
internal import StateMachine

/// Answers every byte and every datagram with itself.
struct EchoServer: ~Copyable {
    private let listener: EchoSocket
    private let datagrams: EchoSocket
    private var queue: EventQueue
    private var connections: [Connection?] = []
    private var freeSlots: [Int] = []
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    /// Most connections at a time; further ones are closed at once.
    static let connectionLimit = 16_000

    private static let listenerTag = UInt64.max - 1
    private static let datagramTag = UInt64.max - 2

    /// Listens on TCP and UDP; `::` takes IPv4, too (ipv6(7)).
    static func listening(on endpoint: Endpoint) throws(LabError) -> EchoServer {
        let server = EchoServer(
            listener: try .listening(on: endpoint, .tcp), datagrams: try .listening(on: endpoint, .udp),
            queue: try .open())
        try server.queue.watch(server.listener.number, tag: listenerTag, writable: false)
        try server.queue.watch(server.datagrams.number, tag: datagramTag, writable: false)
        return server
    }

    private init(listener: consuming EchoSocket, datagrams: consuming EchoSocket, queue: consuming EventQueue) {
        self.listener = listener
        self.datagrams = datagrams
        self.queue = queue
    }

    /// Serves until SIGTERM or SIGINT.
    mutating func run() throws(LabError) {
        while !queue.isAskedToEnd {
            let count = queue.wait(until: .never)
            for index in 0..<count {
                let event = queue[index]
                switch event.tag {
                case Self.listenerTag: try acceptAll()
                case Self.datagramTag: while datagrams.echoDatagram(through: &buffer) {}
                default: try serve(event)
                }
            }
        }
    }

    private mutating func acceptAll() throws(LabError) {
        while let socket = listener.accept() {
            guard connections.count - freeSlots.count < Self.connectionLimit else { continue }
            let slot = freeSlots.popLast() ?? connections.count
            try queue.watch(socket.number, tag: UInt64(slot), writable: false)
            let connection = Connection(socket)
            if slot == connections.count { connections.append(connection) } else { connections[slot] = connection }
        }
    }

    private mutating func serve(_ event: ReadyList.Entry) throws(LabError) {
        guard event.tag < UInt64(connections.count) else { return }
        let slot = Int(event.tag)
        guard let connection = connections[slot] else { return }
        if connection.echo(through: &buffer) {
            let isBehind = !connection.unsent.isEmpty
            guard isBehind || event.isWritable else { return }
            try queue.change(connection.socket.number, tag: event.tag, writable: isBehind)
        } else {
            connections[slot] = nil
            freeSlots.append(slot)
        }
    }

    /// One accepted connection and what could not be written back yet.
    private final class Connection {
        let socket: EchoSocket
        var unsent: [UInt8] = []

        init(_ socket: consuming EchoSocket) { self.socket = socket }

        /// Reads and writes back; false when the connection is over.
        func echo(through buffer: inout [UInt8]) -> Bool {
            while true {
                if !unsent.isEmpty {
                    guard case .bytes(let count) = socket.write(unsent, count: unsent.count) else { return true }
                    unsent.removeFirst(count)
                    if !unsent.isEmpty { return true }
                }
                switch socket.read(into: &buffer) {
                case .bytes(let count): unsent.append(contentsOf: buffer[..<count])
                case .wouldBlock: return true
                case .closed, .failed: return false
                }
            }
        }
    }
}
