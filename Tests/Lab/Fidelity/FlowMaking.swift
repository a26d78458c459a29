internal import Conntrack
internal import Glibc
internal import LabSupport

/// Makes the flows of the table in the first router's kernel: packets where its tracker must see them.
final class FlowMaking {
    private let lan: RawSender
    private let wan: RawSender
    private let namespaces: FidelityNamespaces
    private let first: KernelWatch
    /// Real connections stay open to the end.
    private var hosts: [HostConnection] = []

    /// Time for a packet to cross the router, in microseconds.
    private static let crossing: UInt32 = 40_000
    /// When UDP becomes a stream: two seconds after its first packet (nf_conntrack_proto_udp.c).
    private static let untilStream: UInt32 = 2_200_000

    /// Opens raw sockets in both hosts.
    init(in namespaces: FidelityNamespaces, watching first: KernelWatch) throws {
        self.namespaces = namespaces
        self.first = first
        lan = try RawSender(in: namespaces.lan)
        wan = try RawSender(in: namespaces.wan)
    }

    /// Makes all of them; rows go on side by side, step by step.
    func make(_ rows: [FidelityRow]) throws {
        try perform(rows.map { ($0, $0.allSteps) })
        usleep(Self.untilStream)
        try perform(rows.map { ($0, $0.lateSteps) })
    }

    private func perform(_ dialogues: [(FidelityRow, [FidelityRow.Step])]) throws {
        for turn in 0..<(dialogues.map(\.1.count).max() ?? 0) {
            let kernel = try first.snapshot()
            for (row, steps) in dialogues where turn < steps.count { try perform(steps[turn], of: row, kernel) }
            usleep(Self.crossing)
        }
    }

    private func perform(_ step: FidelityRow.Step, of row: FidelityRow, _ kernel: KernelSnapshot) throws {
        guard let original = row.original else { throw LabError.notAnAddress(row.client) }
        let mine = kernel.entries.filter { $0.belongs(to: original.source) }
        let flow = mine.first { $0.kind == .flow && $0.original.source == original.source }
        let related = mine.first { $0.kind == .flow && $0.original.source != original.source }
        switch step {
        case .client(let body): try lan.send(Packet(original, body), along: original)
        case .server(let body):
            guard let reply = flow?.reply else { return }
            try wan.send(Packet(reply, body), along: reply)
        case .expected(let body):
            guard var tuple = related?.original ?? mine.first(where: { $0.kind == .expectation })?.original else {
                return
            }
            // An expectation leaves the source port open; FTP's is 20.
            if tuple.sourceKey == 0 { tuple.sourceKey = 20 }
            try wan.send(Packet(tuple, body), along: tuple)
        case .expectedReply(let body):
            guard let reply = related?.reply else { return }
            try lan.send(Packet(reply, body), along: reply)
        case .insert(let words):
            try NetworkNamespace.with(named: namespaces.first) {
                // It tells on its error stream what went well, too.
                let quiet = ["sh", "-c", "conntrack \"$@\" 2>/dev/null", "conntrack"]
                _ = try Command.run(quiet + ["-I", "-s", row.client, "-d", row.target] + words)
            }
        case .connect: hosts.append(try HostConnection(row, namespaces))
        case .wait: break
        }
    }
}
