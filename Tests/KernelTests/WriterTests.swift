import Conntrack
import LabSupport
import Netfilter
import Testing

/// What the kernel refuses is named, and what it takes changes nothing but what was asked.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct WriterTests {
    private static let flows = FlowGenerator()
    private static let plain = FlowGenerator(isTranslated: false)

    /// Does a step with a writer in a namespace of its own.
    private func inside<Result>(_ body: @escaping (inout ConntrackWriter) throws -> Result) throws -> Result {
        try withKernel { _ in
            var writer = try ConntrackWriter.open()
            return try body(&writer)
        }
    }

    @Test func `a creation is refused where the original tuple is taken`() throws {
        let refused = try inside { writer in
            try write([FlowWrite(.create, Self.flows.flow(0)), FlowWrite(.create, Self.flows.flow(0))], &writer)
        }
        #expect(refused == [WriteBatch.Refused(index: 1, reason: .exists)])
    }

    @Test func `a creation is refused where the reply tuple is taken`() throws {
        let refused = try inside { writer in
            // Another client's port, translated to the same address and port.
            let first = Self.flows.flow(0)
            var second = first
            second.original.source.low += 1
            return try write([FlowWrite(.create, first), FlowWrite(.create, second)], &writer)
        }
        #expect(refused == [WriteBatch.Refused(index: 1, reason: .exists)])
    }

    @Test(arguments: [FlowWrite.Verb.delete, .update, .makeStrict, .prolong])
    func `what is not there is not found`(verb: FlowWrite.Verb) throws {
        let refused = try inside { writer in try write([FlowWrite(verb, Self.flows.flow(0))], &writer) }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .notFound)])
    }

    @Test func `a refusal stands at the place of its write`() throws {
        let (refused, count) = try inside { writer in
            let present = (0..<64).filter { $0 % 7 == 3 }.map { FlowWrite(.create, Self.flows.flow($0)) }
            _ = try write(present, &writer)
            let refused = try write((0..<64).map { FlowWrite(.create, Self.flows.flow($0)) }, &writer)
            return (refused, try dumpTable().count)
        }
        let expected = (0..<64).filter { $0 % 7 == 3 }.map { WriteBatch.Refused(index: $0, reason: .exists) }
        #expect(refused == expected)
        #expect(count == 64)
    }

    @Test func `a replacement makes the entry anew, there or not`() throws {
        let (refused, table) = try inside { writer in
            let old = Self.flows.flow(0)
            var new = old
            new.reply.destination.low += 1
            new.mark = 9
            _ = try write([FlowWrite(.create, old)], &writer)
            let writes = [FlowWrite(.replace, new), FlowWrite(.replace, Self.plain.flow(1))]
            return (try write(writes, &writer), try dumpTable())
        }
        #expect(refused.isEmpty)
        #expect(table.count == 2)
        let changed = try #require(table.first { $0.flow.mark == 9 }).flow
        let reply = {
            var flow = Self.flows.flow(0); flow.reply.destination.low += 1; return flow.reply
        }()
        #expect(changed.reply == reply)
    }

    @Test func `a replacement tells of the creation that failed`() throws {
        let refused = try inside { writer in
            var clashing = Self.flows.flow(0)
            clashing.original.source.low += 1
            _ = try write([FlowWrite(.create, Self.flows.flow(0))], &writer)
            return try write([FlowWrite(.replace, clashing)], &writer)
        }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .exists)])
    }

    @Test func `an update changes state, mark and timeout`() throws {
        let (refused, table) = try inside { writer in
            var flow = Self.flows.flow(0)
            flow.mark = 5
            _ = try write([FlowWrite(.create, flow)], &writer)
            flow.tcp?.state = .finWait
            flow.tcp?.originalFlags.insert(.closeInit)
            flow.mark = 0
            flow.timeout = 90
            return (try write([FlowWrite(.update, flow)], &writer), try dumpTable())
        }
        #expect(refused.isEmpty)
        let flow = try #require(table.first).flow
        #expect(flow.tcp?.state == .finWait)
        #expect(flow.tcp?.originalFlags.contains(.closeInit) == true)
        #expect(flow.mark == 0)
        #expect((80...90).contains(flow.timeout))
        #expect(flow.reply == Self.flows.flow(0).reply)
    }

    /// A copy may be told of its scales after it was written.
    @Test func `an update gives an entry window scales that it was made without`() throws {
        let table = try inside { writer in
            var flow = Self.flows.flow(0)
            let scaled = flow.tcp
            flow.tcp?.originalFlags.remove(.windowScale)
            flow.tcp?.replyFlags.remove(.windowScale)
            flow.tcp?.originalScale = 0
            flow.tcp?.replyScale = 0
            _ = try write([FlowWrite(.create, flow, liberal: true)], &writer)
            flow.tcp = scaled
            _ = try write([FlowWrite(.update, flow, liberal: true)], &writer)
            return try dumpTable()
        }
        let (told, given) = (try #require(table.first?.flow.tcp), try #require(Self.flows.flow(0).tcp))
        #expect(told.originalScale == given.originalScale && told.replyScale == given.replyScale)
        #expect(told.originalFlags.contains(.windowScale) && told.replyFlags.contains(.windowScale))
    }

    @Test func `a longer life is all that it gets`() throws {
        let (refused, table) = try inside { writer in
            var flow = Self.flows.flow(0)
            flow.mark = 5
            _ = try write([FlowWrite(.create, flow)], &writer)
            flow.mark = 6
            flow.tcp?.state = .finWait
            flow.timeout = 90_000
            return (try write([FlowWrite(.prolong, flow)], &writer), try dumpTable())
        }
        #expect(refused.isEmpty)
        let flow = try #require(table.first).flow
        #expect((89_000...90_000).contains(flow.timeout))
        #expect(flow.mark == 5 && flow.tcp?.state == Self.flows.flow(0).tcp?.state)
    }

    @Test func `a status bit does not go back`() throws {
        let refused = try inside { writer in
            var flow = Self.flows.flow(0)
            _ = try write([FlowWrite(.create, flow)], &writer)
            flow.status.remove(.seenReply)
            return try write([FlowWrite(.update, flow)], &writer)
        }
        #expect(refused == [WriteBatch.Refused(index: 0, reason: .busy)])
    }

    @Test func `a fixed timeout does not change`() throws {
        let refused = try inside { writer in
            var flow = Self.flows.flow(0)
            flow.status.insert(.fixedTimeout)
            return try write([FlowWrite(.create, flow), FlowWrite(.update, flow)], &writer)
        }
        #expect(refused == [WriteBatch.Refused(index: 1, reason: .notPermitted)])
    }

    @Test func `values that no kernel takes are invalid`() throws {
        let refused = try inside { writer in
            var twoZones = Self.flows.flow(0)
            twoZones.original.zone = 1
            twoZones.reply.zone = 2
            var twoProtocols = Self.flows.flow(1)
            twoProtocols.reply.protocol = .udp
            var noSuchType = Self.plain.flow(2)
            noSuchType.original.protocol = .icmp
            noSuchType.original.destinationKey = 200 << 8
            noSuchType.reply = noSuchType.original.inverted
            noSuchType.tcp = nil
            let flows = [twoZones, twoProtocols, Self.flows.flow(3), noSuchType]
            return try write(flows.map { FlowWrite(.create, $0) }, &writer)
        }
        #expect(refused == [0, 1, 3].map { WriteBatch.Refused(index: $0, reason: .invalid) })
    }

    @Test func `a child needs its master`() throws {
        let (first, second, table) = try inside { writer in
            var child = Self.plain.flow(1)
            child.master = Self.flows.flow(0).original
            child.status.insert(.expected)
            let first = try write([FlowWrite(.create, child)], &writer)
            let second = try write([FlowWrite(.create, Self.flows.flow(0)), FlowWrite(.create, child)], &writer)
            _ = try write([FlowWrite(.update, child)], &writer)
            return (first, second, try dumpTable())
        }
        #expect(first == [WriteBatch.Refused(index: 0, reason: .notFound)])
        #expect(second.isEmpty)
        let child = try #require(table.first { $0.flow.master != nil }).flow
        #expect(child.master == Self.flows.flow(0).original)
        #expect(child.status.contains(.expected))
        #expect(child.original == Self.plain.flow(1).original)
    }

    @Test func `liberal comes with the creation and goes without touching anything else`() throws {
        let (liberal, strict, refused) = try inside { writer in
            _ = try write([FlowWrite(.create, Self.flows.flow(0), liberal: true)], &writer)
            let liberal = try dumpTable()
            let refused = try write([FlowWrite(.makeStrict, Self.flows.flow(0))], &writer)
            return (liberal, try dumpTable(), refused)
        }
        #expect(refused.isEmpty)
        var before = try #require(liberal.first).flow
        let after = try #require(strict.first).flow
        #expect(before.tcp?.originalFlags == [.windowScale, .sackPermitted, .beLiberal])
        #expect(before.tcp?.replyFlags == [.windowScale, .sackPermitted, .beLiberal])
        before.tcp?.originalFlags.remove(.beLiberal)
        before.tcp?.replyFlags.remove(.beLiberal)
        before.timeout = after.timeout
        #expect(before == after)
    }

    @Test func `the kernel keeps window scales only where both sides announced one`() throws {
        let table = try inside { writer in
            var half = Self.plain.flow(0)
            half.status = [.confirmed]
            half.state = .tcp(TCPInfo(state: .synSent, originalScale: 7, originalFlags: [.windowScale]))
            _ = try write([FlowWrite(.create, half)], &writer)
            return try dumpTable()
        }
        let info = try #require(table.first).flow.tcp
        #expect(info == TCPInfo(state: .synSent, originalFlags: [.windowScale]))
    }

    @Test func `a timeout is kept within what the kernel takes`() throws {
        let table = try inside { writer in
            var long = Self.flows.flow(0)
            long.timeout = .max
            var none = Self.flows.flow(1)
            none.timeout = 0
            _ = try write([FlowWrite(.create, long), FlowWrite(.create, none)], &writer)
            return try dumpTable()
        }
        #expect(table.contains { $0.flow.timeout > Flow.maximumTimeout - 10 })
        #expect(table.allSatisfy { $0.flow.timeout <= Flow.maximumTimeout })
        #expect(table.count == 2)
    }

    @Test func `an empty batch does nothing`() throws {
        let refused = try inside { writer in try write([FlowWrite](), &writer) }
        #expect(refused.isEmpty)
    }
}
