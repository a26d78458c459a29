import Conntrack
import Glibc
import LabSupport
import Netfilter
import Testing

/// Where ctnetlink refuses, ignores or needs a detour, and what the writer makes of it.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct TrapTests {
    private typealias Build = AttributeBytes

    private static let flows = FlowGenerator()
    private static let plain = FlowGenerator(isTranslated: false)

    /// Does a step with a writer in a namespace of its own.
    private func inside<Result>(_ body: @escaping (inout ConntrackWriter) throws -> Result) throws -> Result {
        try withKernel { tap in
            var writer = try ConntrackWriter.open()
            let result = try body(&writer)
            try tap.dump()
            return result
        }
    }

    /// CTA_TUPLE_ORIG or another tuple of an IPv4 TCP flow.
    private static func tuple(_ number: UInt16, _ tuple: Tuple) -> [UInt8] {
        Build.nested(
            number,
            [
                Build.nested(
                    1,
                    [
                        Build.number(1, UInt32(truncatingIfNeeded: tuple.source.low)),
                        Build.number(2, UInt32(truncatingIfNeeded: tuple.destination.low)),
                    ]),
                Build.nested(
                    2,
                    [
                        Build.number(1, tuple.protocol.rawValue), Build.number(2, tuple.sourceKey),
                        Build.number(3, tuple.destinationKey),
                    ]),
            ])
    }

    // MARK: Translation

    @Test func `the kernel takes no translation for an entry that is there, so an update carries none`() throws {
        let (answer, refused, table) = try inside { writer in
            let old = Self.plain.flow(0)
            _ = try write([FlowWrite(.create, old)], &writer)
            // CTA_NAT_SRC with CTA_NAT_V4_MINIP.
            let range = Build.nested(6, [Build.number(1, UInt32(0xcb00_7101)), Build.number(2, UInt32(0xcb00_7101))])
            let answer = try RawRequest.send(1 << 8, [Self.tuple(1, old.original), range])
            var moved = old
            moved.reply.destination.low += 1
            moved.mark = 3
            return (answer, try write([FlowWrite(.update, moved)], &writer), try dumpTable())
        }
        #expect(answer == EOPNOTSUPP)
        #expect(refused.isEmpty)
        let flow = try #require(table.first).flow
        #expect(flow.reply == Self.plain.flow(0).reply)
        #expect(flow.mark == 3)
    }

    @Test func `a master cannot be given to an entry that is there`() throws {
        let (answer, refused, table) = try inside { writer in
            let (parent, child) = (Self.plain.flow(0), Self.plain.flow(1))
            _ = try write([FlowWrite(.create, parent), FlowWrite(.create, child)], &writer)
            let answer = try RawRequest.send(1 << 8, [Self.tuple(1, child.original), Self.tuple(14, parent.original)])
            var related = child
            related.master = parent.original
            related.status.insert(.expected)
            let refused = try write([FlowWrite(.update, related), FlowWrite(.replace, related)], &writer)
            return (answer, refused, try dumpTable())
        }
        #expect(answer == EOPNOTSUPP)
        // EXPECTED must be as the entry has it.
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .busy)])
        #expect(table.contains { $0.flow.master == Self.plain.flow(0).original })
    }

    // MARK: Helpers

    @Test(arguments: ["no-such-helper", "tftp"])
    func `a helper that the kernel does not have for the protocol is unsupported`(name: String) throws {
        let (refused, table) = try inside { writer in
            var flow = Self.flows.flow(0)
            flow.extensions.helper = KernelName(name) ?? .none
            return (try write([FlowWrite(.create, flow)], &writer), try dumpTable())
        }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .unsupported)])
        #expect(table.isEmpty)
    }

    @Test func `a helper's name that is too long is invalid`() throws {
        let refused = try inside { writer in
            var flow = Self.flows.flow(0)
            flow.extensions.helper = KernelName("abcdefghijklmnop") ?? .none
            return try write([FlowWrite(.create, flow)], &writer)
        }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .invalid)])
    }

    @Test func `a helper comes with a creation and never with an update`() throws {
        let (answer, refused, table) = try inside { writer in
            var flow = Self.flows.flow(0)
            _ = try write([FlowWrite(.create, flow)], &writer)
            let helper = Build.nested(5, [Build.plain(1, Array("ftp\0".utf8))])
            let answer = try RawRequest.send(1 << 8, [Self.tuple(1, flow.original), helper])
            flow.extensions.helper = KernelName("ftp") ?? .none
            let refused = try write([FlowWrite(.update, flow)], &writer)
            let updated = try dumpTable()
            _ = try write([FlowWrite(.replace, flow)], &writer)
            return (answer, refused, updated + (try dumpTable()))
        }
        #expect(answer == EOPNOTSUPP)
        #expect(refused.isEmpty)
        #expect(table.map(\.flow.extensions.helper.text) == ["", "ftp"])
    }

    // MARK: Labels

    @Test func `without a rule that uses labels they are dropped at creation and refused in an update`() throws {
        let (refused, table, update) = try inside { writer in
            var flow = Self.flows.flow(0)
            flow.extensions.labels = ConnectionLabels(low: 6)
            flow.mark = 1
            let refused = try write([FlowWrite(.create, flow)], &writer)
            let table = try dumpTable()
            flow.mark = 2
            return (refused, table + [], try write([FlowWrite(.update, flow)], &writer))
        }
        #expect(refused.isEmpty)
        let event = try #require(table.first)
        #expect(event.flow.extensions.labels.isEmpty)
        #expect(event.attributes.contains(.labels))
        #expect(update == [WriteBatch.Refused(index: 0, reason: .noSpace)])
    }

    @Test func `what else an update carries is done where its labels are refused`() throws {
        let (update, table) = try inside { writer in
            var flow = Self.flows.flow(0)
            _ = try write([FlowWrite(.create, flow)], &writer)
            flow.extensions.labels = ConnectionLabels(low: 6)
            flow.mark = 2
            flow.tcp?.state = .finWait
            return (try write([FlowWrite(.update, flow)], &writer), try dumpTable())
        }
        #expect(update == [WriteBatch.Refused(index: 0, reason: .noSpace)])
        let flow = try #require(table.first).flow
        #expect(flow.mark == 2)
        #expect(flow.tcp?.state == .finWait)
    }

    @Test func `labels of packets are told and an update replaces them`() throws {
        let (table, events) = try inside { writer in
            try LoopbackTraffic.addAddresses(["192.168.10.1/32", "198.51.100.1/32"])
            try Command.run(
                ["nft", "-f", "-"],
                input: "table ip t { chain c { type filter hook output priority 0; ct label set 70; }; }")
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            var traffic = LoopbackTraffic()
            try traffic.exchange(from: ("192.168.10.1", 40_000), to: ("198.51.100.1", 53), server: ("198.51.100.1", 53))
            var table = try dumpTable()
            if var flow = table.first?.flow {
                flow.extensions.labels = ConnectionLabels(high: 1 << 63, low: 9)
                _ = try write([FlowWrite(.update, flow)], &writer)
            }
            table += try dumpTable()
            var batch = EventBatch(limit: 64)
            try socket.receive(into: &batch)
            return (table, batch.events)
        }
        #expect(
            table.map(\.flow.extensions.labels) == [
                ConnectionLabels(high: 1 << 6), ConnectionLabels(high: 1 << 63, low: 9),
            ])
        #expect(events.first?.attributes.contains(.labels) == true)
        #expect(events.first?.flow.extensions.labels == ConnectionLabels(high: 1 << 6))
        #expect(events.last?.flow.extensions.labels == ConnectionLabels(high: 1 << 63, low: 9))
    }

    // MARK: Zones

    @Test func `equal tuples live side by side in zones of both directions`() throws {
        let zones: [UInt16] = [0, 1, 7, 65_535]
        let (refused, table, rest) = try inside { writer in
            let flows = zones.map { zone in
                var flow = Self.flows.flow(0)
                (flow.original.zone, flow.reply.zone) = (zone, zone)
                flow.mark = UInt32(zone) + 1
                return flow
            }
            let refused = try write(flows.map { FlowWrite(.create, $0) }, &writer)
            let table = try dumpTable()
            _ = try write([FlowWrite(.delete, flows[2])], &writer)
            return (refused, table, try dumpTable())
        }
        #expect(refused.isEmpty)
        #expect(Set(table.map(\.flow.original.zone)) == Set(zones))
        #expect(table.allSatisfy { $0.flow.mark == UInt32($0.flow.original.zone) + 1 })
        #expect(Set(rest.map(\.flow.original.zone)) == [0, 1, 65_535])
    }

    @Test func `equal tuples of a directional zone clash in the other direction`() throws {
        let (refused, table) = try inside { writer in
            let first = Self.flows.flow(0)
            // Another customer with the same address, translated to the same port: the answers could not be told apart.
            var clashing = first
            clashing.original.zone = 5
            // Translated to another port, as the router does it.
            var translated = clashing
            translated.reply.destinationKey += 1
            var answered = first
            answered.reply.zone = 6
            return (
                try write([first, clashing, translated, answered].map { FlowWrite(.create, $0) }, &writer),
                try dumpTable()
            )
        }
        #expect(refused == [1, 3].map { WriteBatch.Refused(index: $0, reason: .exists) })
        #expect(table.count == 2)
        #expect(table.contains { $0.flow.original.zone == 5 && $0.flow.reply.zone == 0 })
    }

    @Test func `a child finds its master in its own zone only`() throws {
        let (refused, table) = try inside { writer in
            var parent = Self.plain.flow(0)
            (parent.original.zone, parent.reply.zone) = (9, 9)
            var child = Self.plain.flow(1)
            child.master = parent.original
            child.status.insert(.expected)
            var sibling = child
            (sibling.original.zone, sibling.reply.zone) = (9, 9)
            return (
                try write([parent, child, sibling].map { FlowWrite(.create, $0) }, &writer), try dumpTable()
            )
        }
        #expect(refused == [WriteBatch.Refused(index: 1, reason: .notFound)])
        #expect(table.compactMap(\.flow.master).map(\.zone) == [9])
    }

    // MARK: Status and timeout

    @Test(arguments: [FlowStatus.seenReply, .assured])
    func `a status bit that only ever comes is not taken away`(bit: FlowStatus) throws {
        let refused = try inside { writer in
            let flow = Self.flows.flow(0)
            var less = flow
            less.status.remove(bit)
            return try write([FlowWrite(.create, flow), FlowWrite(.update, less), FlowWrite(.replace, less)], &writer)
        }
        #expect(refused == [WriteBatch.Refused(index: 1, reason: .busy)])
    }

    @Test func `bits that the kernel owns never reach it`() throws {
        let (refused, table) = try inside { writer in
            var flow = Self.plain.flow(0)
            flow.status.formUnion([
                .dying, .template, .natClash, .offload, .hardwareOffload, .sequenceAdjusted, .sourceNAT, .expected,
            ])
            return (
                try write([FlowWrite(.create, flow), FlowWrite(.update, flow)], &writer), try dumpTable()
            )
        }
        #expect(refused.isEmpty)
        #expect(table.map { $0.flow.status.subtracting(.looked) } == [[.seenReply, .assured, .confirmed]])
    }

    @Test func `a window scale above 14 is never written`() throws {
        let table = try inside { writer in
            var flow = Self.flows.flow(0)
            flow.tcp?.originalScale = 255
            flow.tcp?.replyScale = 15
            _ = try write([FlowWrite(.create, flow)], &writer)
            let created = try dumpTable()
            _ = try write([FlowWrite(.update, flow)], &writer)
            return created + (try dumpTable())
        }
        #expect(table.map(\.flow.tcp?.originalScale) == [14, 14])
        #expect(table.map(\.flow.tcp?.replyScale) == [14, 14])
    }

    @Test func `an SCTP state of older kernels is written as the one that replaced it`() throws {
        let table = try inside { writer in
            let base = try #require(RoundTripCase.all.first { $0.protocol == .sctp })
            var flow = base.flow
            flow.state = .sctp(SCTPInfo(state: .heartbeatAcked, originalTag: 1, replyTag: 2))
            _ = try write([FlowWrite(.create, flow)], &writer)
            return try dumpTable()
        }
        #expect(table.map(\.flow.state) == [.sctp(SCTPInfo(state: .established, originalTag: 1, replyTag: 2))])
    }

    @Test func `a protocol without a tracker has no ports`() throws {
        let (refused, table) = try inside { writer in
            let original = Tuple(
                source: Address(ipv4: 0xc0a8_0a01), destination: Address(ipv4: 0xcb00_7101), sourceKey: 40_000,
                destinationKey: 80, family: .ipv4, protocol: .dccp)
            let flow = Flow(
                original: original, reply: original.inverted, status: [.seenReply, .confirmed], timeout: 600,
                state: .dccp(DCCPInfo(state: .open, originalIsServer: true, handshakeSequence: 77)))
            var second = flow
            second.original.sourceKey += 1
            second.reply.destinationKey += 1
            return (try write([flow, second].map { FlowWrite(.create, $0) }, &writer), try dumpTable())
        }
        let flow = try #require(table.first).flow
        if flow.state == .none {
            // To this kernel both are one pair of addresses.
            #expect(refused == [WriteBatch.Refused(index: 1, reason: .exists)])
            #expect(flow.original.sourceKey == 0 && flow.original.destinationKey == 0)
        } else {
            #expect(refused.isEmpty)
            #expect(flow.state == .dccp(DCCPInfo(state: .open, originalIsServer: true, handshakeSequence: 77)))
        }
    }

    // MARK: GRE

    @Test func `a tunnel outlives its first packet, and the kernel says that it lives`() throws {
        let (refused, before, events, after) = try inside { writer in
            try LoopbackTraffic.addAddresses(["192.168.10.1/32", "198.51.100.1/32"])
            try Command.run(
                ["nft", "-f", "-"],
                input: "table ip t { chain c { type filter hook output priority 0; ct state invalid drop; }; }")
            let original = Tuple(
                source: Address(ipv4: 0xc0a8_0a01), destination: Address(ipv4: 0xc633_6401), family: .ipv4,
                protocol: .gre)
            let flow = Flow(
                original: original, reply: original.inverted, status: [.seenReply, .assured, .confirmed], timeout: 170)
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            socket.recognise(writer: writer.portID)
            let refused = try write([FlowWrite(.create, flow)], &writer)
            let before = try dumpTable()
            var traffic = LoopbackTraffic()
            // Version 0, without a key: flags, and the protocol inside, IPv4.
            for _ in 0..<3 {
                try traffic.emit([0, 0, 8, 0, 1, 2, 3, 4], of: 47, from: "192.168.10.1", to: "198.51.100.1")
            }
            var batch = EventBatch(limit: 64)
            try socket.receive(into: &batch)
            let after = try dumpTable()
            return (refused, before, batch.events, after)
        }
        #expect(refused.isEmpty)
        #expect(before.map(\.flow.status) == [[.seenReply, .confirmed, .fixedTimeout]])
        #expect(events.map(\.kind) == [.new, .update])
        #expect(events.map(\.origin) == [.ours, .kernel])
        #expect(events.last?.flow.status.contains(.assured) == true)
        let flow = try #require(after.first { $0.flow.original.protocol == .gre }).flow
        #expect((160...170).contains(flow.timeout))
        #expect(flow.status.isSuperset(of: [.assured, .fixedTimeout, .seenReply]))
    }

    @Test func `an update of a tunnel leaves its fixed timeout alone`() throws {
        let (refused, table) = try inside { writer in
            var flow = try #require(RoundTripCase.all.first { $0.protocol == .gre }).flow
            var refused = try write([FlowWrite(.create, flow)], &writer)
            flow.mark = 12
            flow.timeout = 5
            refused += try write([FlowWrite(.update, flow)], &writer)
            return (refused, try dumpTable())
        }
        #expect(refused.isEmpty)
        #expect(table.map(\.flow.mark) == [12])
        #expect(table.allSatisfy { (590...600).contains($0.flow.timeout) })
    }
}
