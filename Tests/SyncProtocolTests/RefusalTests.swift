import Bytes
import Conntrack
import Testing

@testable import SyncProtocol

/// Messages that no honest peer sends: each is refused by its reason, and the rest of the datagram is still used.
@Suite struct RefusalTests {
    /// A message that is refused.
    struct Row: Sendable, CustomTestStringConvertible {
        let what: String
        let refusal: MessageRefusal
        let message: [UInt8]
        /// Whether it stands before the interval that flows need.
        var isFirst = false

        var testDescription: String { what }

        init(
            _ what: String, _ refusal: MessageRefusal, isFirst: Bool = false,
            _ append: (inout DatagramWriter) -> Bool, _ damage: (inout [UInt8]) -> Void = { _ in }
        ) {
            self.what = what
            self.refusal = refusal
            self.isFirst = isFirst
            let datagram = Samples.bytes { writer in
                writer.openInterval(lane: .live, bulk: 0, from: 0)
                _ = append(&writer)
                writer.closeInterval(to: 9)
            }
            let start = DatagramHeader.size + 2 + 17
            let kind = datagram[start]
            var body = Array(datagram[(start + 2)...])
            damage(&body)
            message = [kind, UInt8(body.count)] + body
        }

        /// The row's message between good ones.
        var datagram: [UInt8] {
            let good = Samples.bytes { writer in
                writer.openInterval(lane: .live, bulk: 0, from: 0)
                _ = writer.append(Samples.translated, version: 1, isReplacement: false)
                _ = writer.appendDestroy(Samples.translated.original, version: 2)
                writer.closeInterval(to: 9)
            }
            let place = DatagramHeader.size + (isFirst ? 0 : 2 + 17)
            return Array(good.prefix(place)) + message + Array(good.dropFirst(place))
        }
    }

    @Test(arguments: flows + states + extensions + expectations + facts + others)
    func `what is impossible is refused by its reason, and the rest of the datagram is used`(row: Row) throws {
        let messages = try Samples.read(row.datagram)
        #expect(messages.count == 4)
        #expect(messages[row.isFirst ? 0 : 1] == .failure(row.refusal))
        #expect(
            messages.suffix(2) == [
                .success(.flow(FlowMessage(version: 1, flow: Samples.translated))),
                .success(.destroy(DestroyMessage(version: 2, original: Samples.translated.original))),
            ])
    }

    @Test(arguments: MessageRefusal.allCases)
    func `every reason has a row`(refusal: MessageRefusal) {
        let rows = Self.flows + Self.states + Self.extensions + Self.expectations + Self.facts + Self.others
        #expect(rows.contains { $0.refusal == refusal })
    }

    // MARK: Rows

    private static func row(
        _ what: String, _ refusal: MessageRefusal, _ flow: Flow, _ damage: (inout [UInt8]) -> Void = { _ in }
    ) -> Row {
        Row(what, refusal, { $0.append(flow, version: 3, isReplacement: false) }, damage)
    }

    private static func expected(
        _ what: String, _ refusal: MessageRefusal, _ expectation: Conntrack.Expectation,
        _ damage: (inout [UInt8]) -> Void = { _ in }
    ) -> Row {
        Row(what, refusal, { $0.append(expectation, version: 3) }, damage)
    }

    private static func changed(_ flow: Flow, _ change: (inout Flow) -> Void) -> Flow {
        var flow = flow
        change(&flow)
        return flow
    }

    private static func expecting(_ change: (inout Conntrack.Expectation) -> Void) -> Conntrack.Expectation {
        var expectation = Samples.expected
        change(&expectation)
        return expectation
    }

    private static func plain(_ number: ProtocolNumber, _ family: AddressFamily = .ipv4) -> Flow {
        let tuple = Tuple(
            source: Address(ipv4: 0xc000_0201), destination: Address(ipv4: 0xc000_0202), family: family,
            protocol: number)
        return Flow(original: tuple, reply: tuple.inverted)
    }

    static let flows: [Row] = [
        row("a flow that ends too early", .truncated, Samples.translated) { $0.removeLast() },
        row("a version behind the interval", .number, Samples.translated) { $0[2] = 10 },
        row("a version of more than 64 bits", .number, Samples.translated) {
            $0.replaceSubrange(2...2, with: Array(repeating: 0x80, count: 10) + [1])
        },
        row("a second byte of flags that announces nothing", .flags, Samples.longest) { $0[1] = 0 },
        row("an attribute that does not exist", .flags, Samples.longest) { $0[1] |= 0x40 },
        row("a part of a reply that does not exist", .flags, Samples.translated) { $0[20] = 0x10 },
        row("a reply that is announced and as usual", .flags, Samples.translated) { $0[20] = 0 },
        row("status bits of one node", .status, Samples.translated) { $0[4] |= 0x04 },
        row(
            "a timeout that no kernel takes", .timeout,
            changed(Samples.translated) { $0.timeout = Flow.maximumTimeout + 1 }),
        row("a flow that is its own master", .master, changed(Samples.translated) { $0.master = $0.original }),
        row(
            "a flow in a zone that is its own master", .master,
            changed(Samples.translated) {
                ($0.original.zone, $0.reply.zone) = (4, 4)
                $0.master = $0.original
            }),
        row(
            "a translated port of a protocol without ports", .key,
            changed(plain(ProtocolNumber(rawValue: 89))) { $0.reply.sourceKey = 5 }),
        row("bytes behind a flow", .family, Samples.translated) { $0.append(0) },
        row("IPv6 addresses said to be IPv4", .family, plain(.udp, .ipv6)) { $0[0] = 0 },
        row("IPv4 addresses said to be IPv6", .family, plain(.udp)) { $0[0] = 1 },
        row("ICMP over IPv6", .family, plain(.icmp, .ipv6)),
        row("ICMPv6 over IPv4", .family, plain(.icmpv6)),
        row(
            "a master of ICMP over IPv6", .family,
            changed(plain(.udp, .ipv6)) { $0.master = plain(.icmp, .ipv6).original }),
    ]

    static let states: [Row] = [
        row("a state that TCP does not have", .tcpState, Samples.translated) { $0[$0.count - 4] = 10 },
        row("a scale above 14", .windowScale, Samples.translated) { $0[$0.count - 3] = 0xf0 },
        row("a liberal side", .flags, Samples.translated) { $0[$0.count - 1] = 0x08 },
        row("a state that SCTP does not have", .sctpState, sctp) { $0[$0.count - 9] = 10 },
        row("a state that DCCP does not have", .dccpState, dccp) { $0[$0.count - 10] = 8 },
        row("a role that DCCP does not have", .dccpState, dccp) { $0[$0.count - 9] = 2 },
        row("a number of 49 bits", .dccpState, dccp) { $0[$0.count - 7] = 1 },
        row("TCP's state on UDP", .foreignState, changed(plain(.udp)) { $0.state = .tcp(TCPInfo(state: .close)) }),
        row("SCTP's state on TCP", .foreignState, changed(plain(.tcp)) { $0.state = sctp.state }),
        row("DCCP's state on TCP", .foreignState, changed(plain(.tcp)) { $0.state = dccp.state }),
        row("DCCP's state on SCTP", .foreignState, changed(plain(.sctp)) { $0.state = dccp.state }),
    ]

    private static let sctp = changed(plain(.sctp)) { $0.state = .sctp(SCTPInfo(state: .established)) }
    private static let dccp = changed(plain(.dccp)) { $0.state = .dccp(DCCPInfo(state: .open)) }
    private static let helped = changed(Samples.translated) { $0.extensions.helper = KernelName("ftp") ?? .none }
    private static let labelled = changed(Samples.translated) { $0.extensions.labels.low = 1 }

    static let extensions: [Row] = [
        row("a helper without a name", .kernelName, helped) { $0[$0.count - 4] = 0 },
        row(
            "a helper's name of 16 bytes", .kernelName,
            changed(helped) { $0.extensions.helper = KernelName(String(repeating: "h", count: 16)) ?? .none }),
        row("a helper's name with a blank", .kernelName, helped) { $0[$0.count - 2] = 0x20 },
        row("a helper's name with an end", .kernelName, helped) { $0[$0.count - 2] = 0 },
        row("a helper's name beyond ASCII", .kernelName, helped) { $0[$0.count - 1] = 0xc3 },
        row("a helper's name that ends too early", .truncated, helped) { $0[$0.count - 4] = 4 },
        row("labels of 3 bytes", .labels, labelled) {
            $0[$0.count - 5] = 3
            $0.removeLast()
        },
        row("labels of 5 bytes", .labels, labelled) {
            $0[$0.count - 5] = 5
            $0.append(0)
        },
        row("labels without bytes", .labels, labelled) {
            $0[$0.count - 5] = 0
            $0.removeLast(4)
        },
        row("labels of 20 bytes", .labels, labelled) {
            $0[$0.count - 5] = 20
            $0 += Array(repeating: 0, count: 16)
        },
        row("labels that end too early", .truncated, labelled) { $0[$0.count - 5] = 8 },
        row("sequence adjustments that end too early", .truncated, Samples.longest) {
            $0[1] = 0x1e
            $0.removeLast(13)
        },
    ]

    static let expectations: [Row] = [
        expected("an expectation that ends too early", .truncated, Samples.expected) { $0.removeLast() },
        expected("a shape that does not exist", .flags, Samples.expected) { $0[0] |= 0x40 },
        expected("a translation's direction without a translation", .flags, expecting { $0.translation = nil }) {
            $0[0] |= 0x20
        },
        expected("flags that the kernel sets by itself", .flags, Samples.expected) { $0[24] = 0x04 },
        expected("an expectation behind the interval", .number, Samples.expected) { $0[2] = 10 },
        expected("an expectation that expects its master", .master, expecting { $0.master = $0.key.tuple }),
        expected(
            "a timeout that no kernel takes, expected", .timeout, expecting { $0.timeout = Flow.maximumTimeout + 1 }),
        expected(
            "a helper's name of 16 bytes, expected", .kernelName,
            expecting { $0.helper = KernelName(String(repeating: "h", count: 16)) ?? .none }),
        expected("a function with a blank", .kernelName, expecting { $0.translation = nil }) {
            $0[$0.count - 1] = 0x20
        },
        expected("a mask of a port that is none", .key, expecting { $0.key = portless(mask: 1) }),
        expected("a translated port that is none", .key, expecting { $0.key = portless(mask: 0) }),
        expected("bytes behind an expectation", .family, Samples.expected) { $0.append(0) },
        expected("an expectation of IPv6 said to be of IPv4", .family, plainIPv6) { $0[0] &= ~1 },
        Row("a destroy of IPv4 said to be of IPv6", .family, { $0.appendExpectationDestroy(bare.key, version: 3) }) {
            $0[0] = 1
        },
        Row("bytes behind an expectation's destroy", .family, { $0.appendExpectationDestroy(bare.key, version: 3) }) {
            $0.append(0)
        },
        Row("a destroy with a helper", .flags, { $0.appendExpectationDestroy(bare.key, version: 3) }) { $0[0] = 0x02 },
        Row("a destroy that ends too early", .truncated, { $0.appendExpectationDestroy(bare.key, version: 3) }) {
            $0.removeLast()
        },
        Row("an expectation without an interval", .place, isFirst: true, { $0.append(bare, version: 3) }),
    ]

    private static let bare = Conntrack.Expectation(key: Samples.expected.key, master: Samples.expected.master)
    private static let plainIPv6: Conntrack.Expectation = {
        var expectation = bare
        expectation.key.tuple.family = .ipv6
        expectation.master.family = .ipv6
        return expectation
    }()

    private static func portless(mask: UInt16) -> ExpectationKey {
        ExpectationKey(
            tuple: plain(ProtocolNumber(rawValue: 89)).original, sourceMask: Address(ipv4: .max), sourceKeyMask: mask)
    }

    /// Facts of one section, which is put in whole.
    private static func told(_ what: String, _ refusal: MessageRefusal, _ section: [UInt8]) -> Row {
        Row(what, refusal, { $0.append(.facts(NodeFacts())) }) { $0 = section }
    }

    static let facts: [Row] = [
        told("a section of facts without a length", .truncated, [1]),
        told("a section of facts that ends too early", .truncated, [1, 4, 0, 0, 0]),
        told("a table without its last figure", .truncated, [1, 2, 0, 0, 0]),
        told("a figure of 33 bits", .number, [1, 7, 0x81, 0x80, 0x80, 0x80, 0x10, 0, 0]),
        told("a timeout of 33 bits", .number, [4, 5, 0x80, 0x80, 0x80, 0x80, 0x10]),
        told("an answer that is none", .flags, [2, 3, 0, 3, 0]),
        told("an event mode that does not exist", .flags, [3, 4, 4, 0, 0, 0]),
        told("a helper of the facts without a name", .kernelName, [5, 1, 0]),
        told("a helper of the facts with a blank", .kernelName, [6, 3, 2, 0x66, 0x20]),
        told("a helper of the facts that goes beyond its section", .truncated, [5, 2, 3, 0x66, 0x74, 0x70]),
    ]

    static let others: [Row] = [
        Row(
            "a flow without an interval", .place, isFirst: true,
            { $0.append(Samples.translated, version: 3, isReplacement: false) }),
        Row(
            "a destroy without an interval", .place, isFirst: true,
            { $0.appendDestroy(Samples.translated.original, version: 3) }),
        Row("a destroy with a mark", .flags, { $0.appendDestroy(Samples.translated.original, version: 3) }) {
            $0[0] = 0x04
        },
        Row("bytes behind a destroy", .family, { $0.appendDestroy(Samples.translated.original, version: 3) }) {
            $0.append(0)
        },
        Row("a node without a name", .name, { $0.append(.hello(Hello(name: ""))) }),
        Row(
            "a node with a long name", .name, { $0.append(.hello(Hello(name: String(repeating: "n", count: 65)))) }),
    ]
}
