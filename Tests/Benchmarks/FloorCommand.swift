public import ArgumentParser
internal import Bytes
public import LabSupport
internal import LinuxIO
internal import StateMachine

/// `benchmark floor`: how fast this kernel takes flows from a writer that does nothing else.
struct FloorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "floor",
        abstract: "Write flows into this namespace's table, 64 a send, and print: flows refused seconds.")

    @Option(help: "tcp, snat (translated) or tcp6.")
    var kind = FlowKind.snat

    @Option(help: "How many flows.")
    var flows: Int

    func validate() throws {
        guard 1...FlowGenerator.limit - FlowGenerator.firstForeign ~= flows else {
            throw ValidationError("--flows is 1 to \(FlowGenerator.limit - FlowGenerator.firstForeign)")
        }
    }

    func run() throws {
        var requests = FlowRequests(kind)
        var socket = try NetlinkSocket(.netfilter)
        try socket.bind()
        var errors = NetlinkInbox(limit: FlowRequests.limit, datagramCapacity: 64)
        let end = FlowGenerator.firstForeign + flows
        let begin = MonotonicClock.now()
        var refused = 0
        for first in stride(from: FlowGenerator.firstForeign, to: end, by: FlowRequests.limit) {
            let count = min(FlowRequests.limit, end - first)
            requests.name(first..<first + count)
            try requests.bytes.withBytes { bytes throws(NetlinkError) in
                try socket.send(bytes.extracting(0..<count * requests.size))
            }
            refused += try Self.readErrors(socket, into: &errors)
        }
        let span = MonotonicClock.now().since(begin)
        print(flows - refused, refused, span.seconds)
    }

    private static func readErrors(
        _ socket: borrowing NetlinkSocket, into inbox: inout NetlinkInbox
    ) throws(NetlinkError) -> Int {
        var count = 0
        while case .datagrams(let more) = try socket.receive(into: &inbox) { count += more }
        return count
    }
}

extension FlowKind: ExpressibleByArgument {}
