import Conntrack
import LabSupport
import Netfilter
import Testing

/// Expectations as helpers make them, as events tell them, and as they are written again.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct ExpectationTests {
    private static let client = ("192.168.10.1", UInt16(40_000))
    private static let server = ("198.51.100.1", UInt16(21))

    /// An FTP client behind source NAT has announced port 40001.
    private static func announce(_ traffic: inout LoopbackTraffic) throws -> [String] {
        try LoopbackTraffic.addAddresses(["192.168.10.1/32", "198.51.100.1/32", "203.0.113.7/32"])
        try Command.run(
            ["nft", "-f", "-"],
            input: """
                table ip t {
                  ct helper files { type "ftp" protocol tcp; }
                  chain o { type filter hook output priority 0; tcp dport 21 ct helper set "files"; }
                  chain n {
                    type nat hook postrouting priority 100
                    ip saddr 192.168.10.1 tcp dport 21 snat to 203.0.113.7
                  }
                }
                """)
        return try traffic.converse(
            from: client, to: server, server: server,
            [.server("220 ready"), .client("USER anonymous"), .client("PORT 192,168,10,1,156,65")])
    }

    private static func events(_ socket: inout ConntrackEvents) throws -> [ExpectationEvent] {
        var batch = EventBatch(limit: 64)
        try socket.receive(into: &batch)
        return batch.expectations
    }

    /// What the table shows at each step of an expectation's life.
    private struct Life {
        var heard: [String] = []
        var before: [ExpectationEvent] = []
        var after: [ExpectationEvent] = []
        var events: [ExpectationEvent] = []
        var master: Flow?
        var flows: [Flow] = []
    }

    @Test(arguments: [false, true])
    func `an FTP transfer behind source NAT comes through an expectation made anew`(isMadeAnew: Bool) throws {
        let life = try withKernel { tap in
            var life = Life()
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            var writer = try ConntrackWriter.open()
            socket.recognise(writer: writer.portID)
            var traffic = LoopbackTraffic()
            life.heard = try Self.announce(&traffic)
            life.before = try dumpExpectations()
            life.master = try dumpTable().map(\.flow).first { $0.extensions.helper.text == "ftp" }
            try tap.dump()
            if isMadeAnew, let expectation = life.before.first?.expectation {
                _ = try write([ExpectationWrite(.delete, expectation)], &writer)
                _ = try write([ExpectationWrite(.create, expectation)], &writer)
            }
            life.after = try dumpExpectations()
            try tap.dump()
            // The server opens the data connection to where it was told, and reaches the client.
            try traffic.connect(
                from: ("198.51.100.1", 20), to: ("203.0.113.7", 40_001), server: ("192.168.10.1", 40_001))
            life.events = try Self.events(&socket)
            life.flows = try dumpTable().map(\.flow)
            return life
        }
        #expect(life.heard.last == "PORT 203,0,113,7,156,65")
        let master = try #require(life.master)
        let expectation = try #require(life.before.first).expectation
        #expect(life.before.count == 1)
        #expect(expectation.master == master.original)
        #expect(expectation.key.sourceKeyMask == 0)
        #expect(expectation.key.sourceMask == Address(ipv4: .max))
        #expect(expectation.key.tuple.destination == Address(ipv4: 0xcb00_7107))
        #expect(expectation.key.tuple.destinationKey == 40_001)
        #expect(
            expectation.translation
                == ExpectationTranslation(isReply: true, address: .any, key: 40_001))
        #expect(expectation.function == KernelName("nat-follow-master"))
        #expect(expectation.helper == KernelName("ftp"))
        #expect((290...300).contains(expectation.timeout))
        let again = try #require(life.after.first).expectation
        #expect(again.isSame(as: expectation))
        #expect((290...300).contains(again.timeout))
        let kinds = life.events.map(\.kind)
        #expect(kinds == (isMadeAnew ? [.new, .destroy, .new, .destroy] : [.new, .destroy]))
        let origins = life.events.map(\.origin)
        #expect(origins == (isMadeAnew ? [.kernel, .ours, .ours, .kernel] : [.kernel, .kernel]))
        let data = try #require(life.flows.first { $0.master != nil })
        #expect(data.master == master.original)
        #expect(data.reply.source == Address(ipv4: 0xc0a8_0a01))
        #expect(data.status.isSuperset(of: [.expected, .destinationNAT]))
        // The kernel names its master's helper, which must not read the transfer.
        #expect(data.extensions.helper.isNone)
    }

    @Test func `the master of a rewritten command keeps its sequence adjustment`() throws {
        let (before, after) = try withKernel { tap in
            var writer = try ConntrackWriter.open()
            var traffic = LoopbackTraffic()
            _ = try Self.announce(&traffic)
            let before = try dumpTable().map(\.flow)
            try tap.dump()
            _ = try write(before.map { FlowWrite(.replace, $0) }, &writer)
            return (before, try dumpTable().map(\.flow))
        }
        let (old, new) = (try #require(before.first), try #require(after.first))
        // "192,168,10,1" became "203,0,113,7": one byte less.
        #expect(old.extensions.sequence.original.after == -1)
        #expect(old.status.contains(.sequenceAdjusted))
        #expect(new.extensions == old.extensions)
        #expect(new.differences(from: old).subtracting(.timeout).isEmpty)
    }

    @Test func `a call that SIP expects is made by an expectation that we wrote`() throws {
        let (refused, flows, heard) = try withKernel { tap in
            var writer = try ConntrackWriter.open()
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            try LoopbackTraffic.addAddresses(["192.168.10.1/32", "198.51.100.1/32"])
            try Command.run(
                ["nft", "-f", "-"],
                input: "table ip t { chain c { type filter hook output priority 0; ct state invalid drop; }; }")
            let (caller, callee) = (Address(ipv4: 0xc0a8_0a01), Address(ipv4: 0xc633_6401))
            let original = Tuple(
                source: caller, destination: callee, sourceKey: 5_060, destinationKey: 5_060, family: .ipv4,
                protocol: .udp)
            let helper = KernelName("sip") ?? .none
            let master = Flow(
                original: original, reply: original.inverted, status: [.seenReply, .assured, .confirmed], timeout: 60,
                extensions: FlowExtensions(helper: helper))
            var answer = Tuple(
                source: callee, destination: caller, sourceKey: 0, destinationKey: 6_000, family: .ipv4, protocol: .udp)
            let signal = Conntrack.Expectation(
                key: ExpectationKey(tuple: answer, sourceMask: .any, sourceKeyMask: 0), master: original, timeout: 60,
                helper: helper)
            answer.destinationKey = 7_000
            let media = Conntrack.Expectation(
                key: ExpectationKey(tuple: answer, sourceMask: .any, sourceKeyMask: 0), master: original, timeout: 60,
                policy: 1, helper: helper)
            var refused = try write([FlowWrite(.create, master)], &writer)
            refused += try write([signal, media].map { ExpectationWrite(.create, $0) }, &writer)
            var traffic = LoopbackTraffic()
            for port: UInt16 in [6_000, 7_000] {
                try traffic.exchange(
                    from: ("198.51.100.1", port + 1), to: ("192.168.10.1", port), server: ("192.168.10.1", port))
            }
            try tap.dump()
            return (refused, try dumpTable().map(\.flow), try Self.events(&socket))
        }
        #expect(refused.isEmpty)
        let related = flows.filter { $0.master != nil }
        #expect(Set(related.map(\.original.destinationKey)) == [6_000, 7_000])
        #expect(related.allSatisfy { $0.status.contains(.expected) })
        #expect(heard.map(\.kind) == [.new, .new, .destroy, .destroy])
    }

    /// One expectation of the table, with the flow that it belongs to.
    struct Row: Sendable, CustomStringConvertible {
        let family: AddressFamily
        let helper: String
        let `protocol`: ProtocolNumber
        let policy: UInt32
        let function: KernelName
        let translation: Bool?
        let isOpen: Bool
        let flags: ExpectationFlags

        var description: String {
            "\(helper) \(family) class \(policy) \(function.text) nat \(String(describing: translation)) open \(isOpen)"
                + " flags \(flags.rawValue)"
        }

        private func address(_ host: UInt64) -> Address {
            family == .ipv4
                ? Address(ipv4: 0xcb00_7100 | UInt32(host)) : Address(high: 0x2001_0db8_0000_0113, low: host)
        }

        func master(_ place: UInt16 = 0) -> Flow {
            let original = Tuple(
                source: address(1), destination: address(2), sourceKey: 40_000 + place, destinationKey: 21,
                family: family,
                protocol: `protocol`)
            let state: ProtocolState = `protocol` == .tcp ? .tcp(TCPInfo(state: .established)) : .none
            return Flow(
                original: original, reply: original.inverted, status: [.seenReply, .assured, .confirmed], timeout: 600,
                state: state, extensions: FlowExtensions(helper: KernelName(helper) ?? .none))
        }

        func expectation(_ place: UInt16 = 0) -> Conntrack.Expectation {
            let tuple = Tuple(
                source: isOpen ? .any : address(2), destination: address(1), sourceKey: isOpen ? 0 : 20,
                destinationKey: 50_000 + place, family: family, protocol: `protocol`)
            let everything: Address = family == .ipv4 ? Address(ipv4: .max) : Address(high: .max, low: .max)
            return Conntrack.Expectation(
                key: ExpectationKey(
                    tuple: tuple, sourceMask: isOpen ? .any : everything, sourceKeyMask: isOpen ? 0 : .max),
                master: master(place).original, timeout: 77, flags: flags, policy: policy,
                helper: KernelName(helper) ?? .none,
                translation: translation.map { ExpectationTranslation(isReply: $0, address: address(9), key: 50_001) },
                function: function)
        }

        static let all: [Row] = {
            var rows: [Row] = []
            let kinds: [(String, ProtocolNumber, ClosedRange<UInt32>, String?)] = [
                ("ftp", .tcp, 0...0, "nat-follow-master"), ("irc", .tcp, 0...0, nil), ("tftp", .udp, 0...0, nil),
                ("sip", .udp, 0...3, "sip"), ("sip", .tcp, 0...3, "sip"),
            ]
            for family in AddressFamily.allCases {
                for (helper, kind, policies, function) in kinds where helper != "irc" || family == .ipv4 {
                    for policy in policies {
                        for name in [KernelName.none, function.flatMap { KernelName($0) } ?? .none] {
                            for translation in [nil, false, true] {
                                for isOpen in [false, true] {
                                    for flags: ExpectationFlags in [[], .permanent, .inactive, .replicated] {
                                        rows.append(
                                            Row(
                                                family: family, helper: helper, protocol: kind, policy: policy,
                                                function: name, translation: translation, isOpen: isOpen,
                                                flags: flags))
                                    }
                                }
                            }
                        }
                    }
                }
            }
            return rows
        }()
    }

    @Test func `every kind of expectation is dumped as it was created`() throws {
        let wrong = try withKernel { tap in
            var wrong: [String] = []
            var writer = try ConntrackWriter.open()
            for chunk in chunks(Row.all.count) {
                // Each with a master of its own; the port tells them apart.
                let rows = Row.all[chunk]
                let expectations = rows.enumerated().map { $1.expectation(UInt16($0)) }
                let masters = rows.enumerated().map { FlowWrite(.create, $1.master(UInt16($0))) }
                var refused = try write(masters, &writer)
                refused += try write(expectations.map { ExpectationWrite(.create, $0) }, &writer)
                wrong += refused.map { "\(rows[chunk.lowerBound + $0.index]): \($0.reason)" }
                let shown = try dumpExpectations().map(\.expectation)
                try tap.receive()
                try tap.dump()
                for (row, wanted) in zip(rows, expectations) {
                    guard let found = shown.first(where: { $0.master == wanted.master }) else {
                        wrong.append("\(row): not there")
                        continue
                    }
                    if !found.isSame(as: wanted) { wrong.append("\(row):\n wanted \(wanted)\n dumped \(found)") }
                    if !(70...77).contains(found.timeout) { wrong.append("\(row): timeout \(found.timeout)") }
                }
                refused = try write(expectations.map { ExpectationWrite(.delete, $0) }, &writer)
                wrong += refused.map { "delete of \(rows[chunk.lowerBound + $0.index]): \($0.reason)" }
                _ = try write(masters.map { FlowWrite(.delete, $0.flow) }, &writer)
            }
            return wrong
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(6).joined(separator: "\n"))\n\(wrong.count) of \(Row.all.count)")
        #expect(Row.all.count == 1_008)
    }

    private static let sample = Row(
        family: .ipv4, helper: "ftp", protocol: .tcp, policy: 0, function: .none, translation: nil, isOpen: false,
        flags: [])

    /// What the kernel answers when an expectation is created beside a flow.
    private func outcome(
        _ change: @escaping (inout Flow, inout Conntrack.Expectation) -> Void
    ) throws -> [WriteBatch.Refused] {
        try withKernel { _ in
            var writer = try ConntrackWriter.open()
            var (master, expectation) = (Self.sample.master(), Self.sample.expectation())
            change(&master, &expectation)
            let refused = try write([FlowWrite(.create, master)], &writer)
            guard refused.isEmpty else { return refused }
            return try write([ExpectationWrite(.create, expectation)], &writer)
        }
    }

    @Test func `an expectation needs its master`() throws {
        let refused = try outcome { $1.master.sourceKey += 1 }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .notFound)])
    }

    @Test func `an expectation needs a master with a helper`() throws {
        let refused = try outcome { master, _ in master.extensions.helper = .none }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .unsupported)])
    }

    @Test func `a class that the helper does not have is invalid`() throws {
        let refused = try outcome { $1.policy = 7 }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .invalid)])
    }

    @Test func `a function that nobody registered is invalid`() throws {
        let refused = try outcome { $1.function = KernelName("no-such-function") ?? .none }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .invalid)])
    }

    @Test func `a master in a zone has expectations in that zone`() throws {
        let (refused, other, shown, heard) = try withKernel { _ in
            var writer = try ConntrackWriter.open()
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            var (master, expectation) = (Self.sample.master(), Self.sample.expectation())
            var refused: [WriteBatch.Refused] = []
            for zone: UInt16 in [0, 7] {
                (master.original.zone, master.reply.zone) = (zone, zone)
                (expectation.key.tuple.zone, expectation.master.zone) = (zone, zone)
                _ = try write([FlowWrite(.create, master)], &writer)
                refused += try write([ExpectationWrite(.create, expectation)], &writer)
            }
            // Two equal ones, in two zones; the delete meets the one that is named.
            let shown = try dumpExpectations()
            let other = try write(
                [ExpectationWrite(.delete, expectation), ExpectationWrite(.delete, expectation)], &writer)
            return (refused, other, shown, try Self.events(&socket))
        }
        #expect(refused.isEmpty)
        #expect(shown.count == 2)
        #expect(
            shown.allSatisfy {
                $0.expectation.key.tuple.zone == 0 && $0.expectation.isSame(as: Self.sample.expectation())
            })
        #expect(other == [WriteBatch.Refused(index: 1, reason: .notFound)])
        #expect(heard.map(\.kind) == [.new, .new, .destroy])
    }

    @Test func `an expectation that is there is left alone`() throws {
        let (refused, shown) = try withKernel { _ in
            var writer = try ConntrackWriter.open()
            _ = try write([FlowWrite(.create, Self.sample.master())], &writer)
            var again = Self.sample.expectation()
            _ = try write([ExpectationWrite(.create, again)], &writer)
            again.timeout = 9
            let refused = try write([ExpectationWrite(.create, again)], &writer)
            return (refused, try dumpExpectations())
        }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .exists)])
        #expect(shown.map { (70...77).contains($0.expectation.timeout) } == [true])
    }

    @Test func `what cannot be said is invalid`() throws {
        let refused = try outcome { $1.master.zone = 4 }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .invalid)])
    }

    @Test func `expectations go with their master`() throws {
        let (heard, left) = try withKernel { _ in
            var writer = try ConntrackWriter.open()
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            socket.recognise(writer: writer.portID)
            _ = try write([FlowWrite(.create, Self.sample.master())], &writer)
            _ = try write([ExpectationWrite(.create, Self.sample.expectation())], &writer)
            _ = try write([FlowWrite(.delete, Self.sample.master())], &writer)
            return (try Self.events(&socket), try dumpExpectations())
        }
        #expect(heard.map(\.kind) == [.new, .destroy])
        #expect(left.isEmpty)
    }

    @Test func `a dump of expectations goes on where the batch was full`() throws {
        let shown = try withKernel { _ in
            var writer = try ConntrackWriter.open()
            var writes: [ExpectationWrite] = []
            var masters: [FlowWrite] = []
            for number in 0..<60 as Range<UInt16> {
                var (master, expectation) = (Self.sample.master(), Self.sample.expectation())
                master.original.sourceKey += number
                master.reply.destinationKey += number
                expectation.master = master.original
                expectation.key.tuple.destinationKey += number
                masters.append(FlowWrite(.create, master))
                writes.append(ExpectationWrite(.create, expectation))
            }
            _ = try write(masters, &writer)
            _ = try write(writes, &writer)
            return try dumpExpectations(batchLimit: 7)
        }
        #expect(Set(shown.map(\.expectation.key.tuple.destinationKey)).count == 60)
        #expect(shown.count == 60)
    }
}
