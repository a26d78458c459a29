import Conntrack
import LabSupport
import Netfilter
import Testing

/// Labels, helper, sequence adjustments, SYN proxy and the states of SCTP and DCCP, attribute by attribute.
@Suite struct ExtensionAttributeTests {
    /// One attribute behind a message that has none of its kind.
    struct Row: Sendable, CustomStringConvertible {
        let description: String
        /// The protocol of the message that it stands in.
        var message = "a dump line IPv6 UDP"
        let attribute: [UInt8]
        var told: FlowAttributes = []
        var refusal: MessageRefusal?
        var state = ProtocolState.none
        var extensions = FlowExtensions()

        /// The message that the attribute stands in.
        var bare: [UInt8] {
            get throws {
                let isDCCP = message == ExtensionAttributeTests.unknownTracker
                let name = isDCCP ? "a dump line IPv4 OSPF" : message
                var bytes = try #require(GoldenMessage.all.first { $0.name == name }).bytes
                // No kernel at hand tracks DCCP: a message of a protocol without a tracker has the same tuples.
                for place in bytes.indices where isDCCP && Array(bytes[..<place].suffix(4)) == [5, 0, 1, 0] {
                    bytes[place] = 33
                }
                return bytes
            }
        }

        var bytes: [UInt8] { get throws { (try bare + attribute).withOwnLength } }
    }

    private typealias Build = AttributeBytes

    private static func adjustment(_ number: UInt16, _ position: UInt32, _ before: Int32, _ after: Int32) -> [UInt8] {
        Build.nested(number, [Build.number(1, position), Build.number(2, before), Build.number(3, after)])
    }

    private static func sctp(_ inside: [[UInt8]]) -> [UInt8] { Build.nested(4, [Build.nested(3, inside)]) }

    private static func dccp(_ inside: [[UInt8]]) -> [UInt8] { Build.nested(4, [Build.nested(2, inside)]) }

    private static func helper(_ name: String, isTerminated: Bool = true) -> [UInt8] {
        Build.nested(5, [Build.plain(1, Array(name.utf8) + (isTerminated ? [0] : [])), Build.plain(2, [1, 2, 3])])
    }

    private static let associations = "a dump line IPv4 SCTP"
    fileprivate static let unknownTracker = "a dump line IPv4 DCCP"

    static let taken: [Row] = [
        Row(
            description: "a helper", attribute: helper("ftp-20021"), told: .helper,
            extensions: FlowExtensions(helper: KernelName("ftp-20021") ?? .none)),
        Row(
            description: "a helper's name of 15 bytes", attribute: helper("abcdefghijklmno"), told: .helper,
            extensions: FlowExtensions(helper: KernelName("abcdefghijklmno") ?? .none)),
        Row(
            description: "a helper's name without an end", attribute: helper("Q.931", isTerminated: false),
            told: .helper, extensions: FlowExtensions(helper: KernelName("Q.931") ?? .none)),
        Row(
            description: "labels 0, 9, 64 and 127",
            attribute: Build.plain(22, [1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x80]), told: .labels,
            extensions: FlowExtensions(labels: ConnectionLabels(high: 1 << 63 | 1, low: 0x201))),
        Row(
            description: "labels of a kernel with few", attribute: Build.plain(22, [0, 0, 0, 0x80]), told: .labels,
            extensions: FlowExtensions(labels: ConnectionLabels(low: 1 << 31))),
        Row(
            description: "sequence adjustments", attribute: adjustment(15, 1, -2, 3) + adjustment(16, 4, 5, -6),
            told: .sequence,
            extensions: FlowExtensions(
                sequence: SequenceAdjustments(
                    original: SequenceAdjustment(position: 1, before: -2, after: 3),
                    reply: SequenceAdjustment(position: 4, before: 5, after: -6)))),
        Row(
            description: "a SYN proxy",
            attribute: Build.nested(
                24, [Build.number(1, UInt32(7)), Build.number(2, UInt32(8)), Build.number(3, UInt32.max)]),
            told: .synproxy,
            extensions: FlowExtensions(
                synproxy: SynproxyState(initialSequence: 7, initialTimestamp: 8, timestampOffset: .max))),
        Row(
            description: "an association with its tags", message: associations,
            attribute: sctp([
                Build.number(1, UInt8(4)), Build.number(2, UInt32(0x0102_0304)), Build.number(3, UInt32(0xfffe_fdfc)),
            ]), told: .state,
            state: .sctp(SCTPInfo(state: .established, originalTag: 0x0102_0304, replyTag: 0xfffe_fdfc))),
        Row(
            description: "a DCCP connection", message: unknownTracker,
            attribute: dccp([
                Build.number(1, UInt8(4)), Build.number(2, UInt8(1)), Build.number(3, UInt64(0xabcd_ef01_2345)),
            ]), told: .state,
            state: .dccp(DCCPInfo(state: .open, originalIsServer: true, handshakeSequence: 0xabcd_ef01_2345))),
        Row(
            description: "a DCCP state alone", message: unknownTracker,
            attribute: dccp([Build.number(1, UInt8(7))]), told: .protocolState,
            state: .dccp(DCCPInfo(state: .timeWait))),
    ]

    static let refused: [Row] = [
        Row(description: "a helper's name of 16 bytes", attribute: helper("abcdefghijklmnop"), refusal: .helperName),
        Row(description: "an empty helper's name", attribute: helper(""), refusal: .helperName),
        Row(description: "a helper's name with a blank", attribute: helper("f tp"), refusal: .helperName),
        Row(description: "a helper's name with a zero inside", attribute: helper("f\0tp"), refusal: .helperName),
        Row(
            description: "labels of 20 bytes", attribute: Build.plain(22, Array(repeating: 1, count: 20)),
            refusal: .labelsSize),
        Row(description: "labels of 6 bytes", attribute: Build.plain(22, [1, 2, 3, 4, 5, 6]), refusal: .labelsSize),
        Row(
            description: "an adjustment of 2 bytes", attribute: Build.nested(15, [Build.number(1, UInt16(1))]),
            refusal: .attributeSize),
        Row(
            description: "a SYN proxy's number of 8 bytes", attribute: Build.nested(24, [Build.number(2, UInt64(1))]),
            refusal: .attributeSize),
        Row(
            description: "an SCTP state beyond the last", message: associations,
            attribute: sctp([Build.number(1, UInt8(10))]), refusal: .sctpState),
        Row(
            description: "an SCTP tag of one byte", message: associations,
            attribute: sctp([Build.number(2, UInt8(1))]), refusal: .attributeSize),
        Row(
            description: "a DCCP state beyond the last", message: unknownTracker,
            attribute: dccp([Build.number(1, UInt8(8))]), refusal: .dccpState),
        Row(
            description: "a third DCCP role", message: unknownTracker,
            attribute: dccp([Build.number(1, UInt8(1)), Build.number(2, UInt8(2))]), refusal: .dccpRole),
        Row(
            description: "a DCCP number of 49 bits", message: unknownTracker,
            attribute: dccp([Build.number(1, UInt8(1)), Build.number(3, UInt64(1) << 48)]),
            refusal: .handshakeSequence),
        Row(
            description: "a state of another protocol", attribute: sctp([Build.number(1, UInt8(4))]),
            refusal: .protocolMismatch),
    ]

    @Test(arguments: taken)
    func `what the message carries is read`(row: Row) throws {
        let bytes = try row.bytes
        let event = try parse(bytes, isDumped: true)
        #expect(event.flow.extensions == row.extensions)
        if row.state != .none { #expect(event.flow.state == row.state) }
        #expect(event.attributes.isSuperset(of: row.told))
        #expect(Oracle.differences(bytes, isDumped: true).isEmpty)
    }

    @Test(arguments: taken)
    func `an update tells what it carries and no more`(row: Row) throws {
        var before = try row.bare
        var after = try row.bytes
        // Without CREATE and EXCL it is an update.
        for place in 6...7 { (before[place], after[place]) = (0, 0) }
        let (old, new) = (try parse(before).attributes, try parse(after).attributes)
        #expect(new == old.union(row.told))
        #expect(Oracle.differences(after, isDumped: false).isEmpty)
    }

    @Test(arguments: refused)
    func `what cannot be is refused by reason`(row: Row) throws {
        let result = outcome(try row.bytes, isDumped: true)
        #expect(result == .failure(try #require(row.refusal)))
    }

    @Test func `a dump without an attribute says that there is none`() throws {
        let golden = try #require(GoldenMessage.all.first { $0.name == "a dump line IPv6 UDP" })
        let event = try parse(golden.bytes, isDumped: true)
        #expect(event.attributes == FlowAttributes.all.subtracting(.state))
        var cached = event.flow
        cached.mark = 5
        cached.master = cached.original
        cached.extensions = FlowExtensions(
            helper: try #require(KernelName("ftp")), labels: ConnectionLabels(low: 3),
            sequence: SequenceAdjustments(original: SequenceAdjustment(position: 1, before: 2, after: 3)),
            synproxy: SynproxyState(initialSequence: 1))
        let changed = cached.merge(event.flow, event.attributes)
        #expect(changed)
        #expect(cached == event.flow)
    }

    @Test func `an offloaded flow keeps its timeout and state`() throws {
        let golden = try #require(
            GoldenMessage.all.first { $0.name == "a dump line IPv4 TCP established with source NAT assured" })
        let whole = try parse(golden.bytes, isDumped: true).flow
        // What the kernel omits with IPS_OFFLOAD: CTA_PROTOINFO (4) and CTA_TIMEOUT (7).
        var offloaded = golden.bytes.withoutAttributes([4, 7])
        let status = try #require(
            offloaded.indices.dropFirst(20).first { Array(offloaded[$0...].prefix(4)) == [8, 0, 3, 0] })
        offloaded[status + 6] |= 0x40
        let event = try parse(offloaded, isDumped: true)
        #expect(event.flow.status.contains(.offload))
        #expect(event.attributes == FlowAttributes.all.subtracting(.state.union(.timeout)))
        var cached = whole
        let changed = cached.merge(event.flow, event.attributes)
        #expect(!changed)
        #expect(cached.timeout == whole.timeout)
        #expect(cached.state == whole.state)
    }
}
