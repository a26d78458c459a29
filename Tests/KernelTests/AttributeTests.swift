import Conntrack
import LabSupport
import Netfilter
import Testing

/// Each row of `FlowAttribute`, for each protocol and family, through the kernel and back.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct AttributeTests {
    /// A flow with one attribute that is not as it would be by itself.
    struct Row: Sendable, CustomStringConvertible {
        let attribute: FlowAttribute
        let base: RoundTripCase
        let number: Int

        var description: String { "\(attribute.name) \(number): \(base)" }

        /// Rows of an attribute: how many values of it are tried.
        static func count(of attribute: FlowAttribute, _ base: RoundTripCase) -> Int {
            let hasState = base.protocol == .tcp || base.protocol == .sctp
            switch attribute {
            case .reply: return 1
            case .zone: return 3
            case .status: return 4
            case .timeout: return 3
            case .mark: return 3
            case .master: return 1
            case .protocolState:
                return base.protocol == .tcp ? TCPState.allCases.count : hasState ? SCTPState.allCases.count - 1 : 0
            case .protocolDetails: return hasState ? 3 : 0
            case .helper: return Row.helpers(base).count
            case .labels: return 4
            case .sequence: return 3
            case .synproxy: return 2
            }
        }

        /// The helpers that this kernel has for a protocol.
        static func helpers(_ base: RoundTripCase) -> [String] {
            switch base.protocol {
            case .tcp: base.family == .ipv4 ? ["ftp", "sip", "irc", "pptp", "Q.931"] : ["ftp", "sip", "Q.931"]
            case .udp: base.family == .ipv4 ? ["tftp", "sip", "RAS", "amanda"] : ["tftp", "sip", "RAS", "amanda"]
            default: []
            }
        }

        static let all: [Row] = {
            var rows: [Row] = []
            for attribute in FlowAttribute.allCases {
                for base in RoundTripCase.all where base.mark == 0 && base.zone == .none {
                    guard base.translation == .none || base.translation == .ports else { continue }
                    for number in 0..<count(of: attribute, base) {
                        rows.append(Row(attribute: attribute, base: base, number: number))
                    }
                }
            }
            return rows
        }()

        /// The flow that others refer to as their master, in the same zone.
        var master: Flow {
            var flow = base.flow
            flow.original.destination.low += 1
            flow.reply.source.low += 1
            flow.reply.destination = flow.original.source
            flow.reply.destinationKey = flow.original.inverted.destinationKey
            flow.reply.sourceKey = flow.original.inverted.sourceKey
            return flow
        }

        var flow: Flow {
            var flow = base.flow
            switch attribute {
            case .reply: break
            case .zone:
                if number != 1 { flow.original.zone = 65_535 }
                if number != 2 { flow.reply.zone = 65_535 }
            case .status:
                flow.status.remove([FlowStatus.assured, .seenReply, .fixedTimeout, .assured][number])
                if number == 3 { flow.status.insert(.fixedTimeout) }
            case .timeout: flow.timeout = [30, 432_000, Flow.maximumTimeout][number]
            case .mark: flow.mark = [1, 0x8000_0000, .max][number]
            case .master:
                flow.master = master.original
                flow.status.insert(.expected)
            case .protocolState:
                switch flow.state {
                case .tcp(var info):
                    info.state = TCPState.allCases[number]
                    flow.state = .tcp(info)
                case .sctp(var info):
                    info.state = SCTPState.allCases[number]
                    flow.state = .sctp(info)
                case .dccp, .none: break
                }
            case .protocolDetails: changeDetails(&flow)
            case .helper:
                flow.extensions.helper = KernelName(Self.helpers(base)[number]) ?? .none
                flow.status.insert(.helper)
            case .labels:
                flow.extensions.labels =
                    [
                        ConnectionLabels(low: 1), ConnectionLabels(high: 1 << 63),
                        ConnectionLabels(high: 1, low: 1 << 63),
                        ConnectionLabels(high: .max, low: .max),
                    ][number]
            case .sequence:
                let adjustment = SequenceAdjustment(position: 0xfedc_ba98, before: -7, after: .max)
                flow.extensions.sequence =
                    [
                        SequenceAdjustments(original: adjustment), SequenceAdjustments(reply: adjustment),
                        SequenceAdjustments(
                            original: adjustment, reply: SequenceAdjustment(position: 1, before: .min, after: 3)),
                    ][number]
                flow.status.insert(.sequenceAdjusted)
            case .synproxy:
                flow.extensions.synproxy =
                    [
                        SynproxyState(initialSequence: 1),
                        SynproxyState(
                            initialSequence: .max, initialTimestamp: 0x0102_0304, timestampOffset: 0xf0f0_0f0f),
                    ][number]
            }
            // What a tunnel is written with, whatever it was.
            if base.protocol == .gre {
                flow.status.insert(.fixedTimeout)
                flow.status.remove(.assured)
            }
            return flow
        }

        private func changeDetails(_ flow: inout Flow) {
            switch flow.state {
            case .tcp(var info):
                // The kernel takes scales only where both sides announced one (nlattr_to_tcp).
                info.originalScale = [0, 14, 7][number]
                info.replyScale = [14, 0, 9][number]
                info.originalFlags = [.windowScale, .replicated, [.windowScale, .closeInit]][number]
                info.replyFlags = [.replicated, .windowScale, .windowScale][number]
                flow.state = .tcp(info)
            case .sctp(var info):
                info.originalTag = [0, .max, 1][number]
                info.replyTag = [.max, 0, 1][number]
                flow.state = .sctp(info)
            case .dccp, .none: break
            }
        }
    }

    /// Does something with a writer where a rule uses labels, so that entries have room for them.
    private static func withLabels<Result>(
        _ body: @escaping (inout MessageTap, inout ConntrackWriter) throws -> Result
    ) throws -> Result {
        try withKernel { tap in
            try Command.run(
                ["nft", "-f", "-"],
                input: "table ip t { chain c { type filter hook output priority 0; ct mark 77 ct label set 5; }; }")
            var writer = try ConntrackWriter.open()
            return try body(&tap, &writer)
        }
    }

    /// Says what is not as it was wanted: nothing, or the row and both flows.
    private static func compare(_ row: Row, _ wanted: Flow, _ table: [Tuple: Flow]) -> [String] {
        guard var dumped = table[wanted.original] else { return ["\(row): not there"] }
        var wrong: [String] = []
        if dumped.timeout > wanted.timeout || dumped.timeout + 10 < wanted.timeout {
            wrong.append("\(row): timeout \(dumped.timeout)")
        }
        dumped.timeout = wanted.timeout
        if dumped != wanted { wrong.append("\(row):\n wanted \(wanted)\n dumped \(dumped)") }
        return wrong
    }

    /// Writes rows, a batch at a time, and names those that the table then shows differently.
    private static func run(
        _ rows: [Row], _ tap: inout MessageTap, _ writer: inout ConntrackWriter,
        _ writes: (Row, Int) -> [[FlowWrite]]
    ) throws -> [String] {
        var wrong: [String] = []
        for chunk in chunks(rows.count) {
            let steps = chunk.map { writes(rows[$0], $0 - chunk.lowerBound) }
            for step in 0..<(steps.first?.count ?? 0) {
                let batch = steps.flatMap { $0[step] }
                for refused in try write(batch, &writer) {
                    wrong.append("\(batch[refused.index].flow): refused as \(refused.reason)")
                }
            }
            try tap.receive()
            try tap.dump()
            let table = try dumpTable().map(\.flow)
            for (place, index) in chunk.enumerated() {
                wrong += compare(rows[index], rows[index].flow.moved(to: place), table.byOriginal)
            }
            for left in chunks(table.count, of: WriteBatch.limit) {
                _ = try write(table[left].map { FlowWrite(.delete, $0) }, &writer)
            }
        }
        return wrong
    }

    @Test func `every value of every attribute is dumped as it was created`() throws {
        let (wrong, distinct) = try Self.withLabels { tap, writer in
            let wrong = try Self.run(Row.all, &tap, &writer) { row, place in
                let masters = row.attribute == .master ? [FlowWrite(.create, row.master.moved(to: place))] : []
                return [masters, [FlowWrite(.create, row.flow.moved(to: place))]]
            }
            return (wrong, tap.distinct)
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(8).joined(separator: "\n"))\n\(wrong.count) of \(Row.all.count)")
        #expect(Row.all.count == 900)
        #expect(distinct > 2 * Row.all.count)
    }

    @Test func `every attribute that ctnetlink lets change is updated`() throws {
        // A status bit never goes, a fixed timeout stays, and a helper, a master and a translation come at creation.
        let changeable: FlowAttributes = [
            .timeout, .mark, .protocolState, .protocolDetails, .labels, .sequence, .synproxy,
        ]
        let rows = Row.all.filter {
            changeable.contains($0.attribute) && !($0.attribute == .timeout && $0.base.protocol == .gre)
        }
        let wrong = try Self.withLabels { tap, writer in
            try Self.run(rows, &tap, &writer) { row, place in
                [
                    [FlowWrite(.create, row.base.flow.moved(to: place))],
                    [FlowWrite(.update, row.flow.moved(to: place))],
                ]
            }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(8).joined(separator: "\n"))\n\(wrong.count) of \(rows.count)")
        #expect(rows.count > 400)
    }
}
