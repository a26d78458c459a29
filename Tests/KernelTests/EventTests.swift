import Conntrack
import LabSupport
import Netfilter
import Testing

/// What the event socket hears, and what it says when it cannot hear.
@Suite(.serialized, .enabled(if: Lab.isPrivileged)) struct EventTests {
    private static let flows = FlowGenerator()

    private func events(_ socket: inout ConntrackEvents, limit: Int = 256) throws -> EventBatch {
        var batch = EventBatch(limit: limit)
        try socket.receive(into: &batch)
        return batch
    }

    @Test func `new, update and destroy of our own writes are ours`() throws {
        let heard = try withKernel { _ in
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            var writer = try ConntrackWriter.open()
            socket.recognise(writer: writer.portID)
            var flow = Self.flows.flow(0)
            _ = try write([FlowWrite(.create, flow)], &writer)
            flow.tcp?.state = .closeWait
            _ = try write([FlowWrite(.update, flow), FlowWrite(.delete, flow)], &writer)
            return try self.events(&socket).events
        }
        #expect(heard.map(\.kind) == [.new, .update, .destroy])
        #expect(heard.allSatisfy { $0.origin == .ours })
        var new = try #require(heard.first).flow
        new.timeout = Self.flows.timeout
        #expect(new == Self.flows.flow(0))
        #expect(
            heard.first?.attributes.contains([.reply, .status, .timeout, .protocolState, .protocolDetails]) == true)
        #expect(heard.last?.attributes.contains(.protocolDetails) == false)
        #expect(heard.last?.flow.tcp?.state == .closeWait)
    }

    @Test func `what others do is not ours`() throws {
        let heard = try withKernel { _ in
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            var ours = try ConntrackWriter.open()
            var theirs = try ConntrackWriter.open()
            socket.recognise(writer: ours.portID)
            _ = try write([FlowWrite(.create, Self.flows.flow(0))], &theirs)
            _ = try write([FlowWrite(.create, Self.flows.flow(1))], &ours)
            return try self.events(&socket).events
        }
        #expect(heard.map(\.origin) == [.kernel, .ours])
    }

    @Test func `packets make events of the kernel`() throws {
        let heard = try withKernel { _ in
            try LoopbackTraffic.addAddresses(["192.168.10.1/32", "198.51.100.1/32"])
            try Command.run(
                ["nft", "-f", "-"],
                input: "table ip t { chain c { type filter hook input priority 0; ct state invalid drop; }; }")
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            var traffic = LoopbackTraffic()
            try traffic.connect(from: ("192.168.10.1", 40_000), to: ("198.51.100.1", 80), server: ("198.51.100.1", 80))
            return try self.events(&socket).events
        }
        #expect(heard.first?.kind == .new)
        #expect(heard.dropFirst().allSatisfy { $0.kind == .update })
        #expect(heard.allSatisfy { $0.origin == .kernel })
        #expect(heard.map(\.flow.tcp?.state) == [.synSent, .synReceived, .established])
        #expect(heard.last?.flow.status.contains(.assured) == true)
    }

    @Test func `without the group new, an insert is silent and its changes are not`() throws {
        let (silent, heard, again) = try withKernel { _ in
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            var writer = try ConntrackWriter.open()
            try socket.leave(.new)
            var flow = Self.flows.flow(0)
            _ = try write([FlowWrite(.create, flow)], &writer)
            let silent = try self.events(&socket).events
            flow.tcp?.state = .finWait
            _ = try write([FlowWrite(.update, flow), FlowWrite(.delete, flow)], &writer)
            let heard = try self.events(&socket).events
            try socket.join(.new)
            _ = try write([FlowWrite(.create, flow)], &writer)
            return (silent, heard, try self.events(&socket).events)
        }
        #expect(silent.isEmpty)
        #expect(heard.map(\.kind) == [.update, .destroy])
        #expect(again.map(\.kind) == [.new])
    }

    @Test func `a full batch leaves the rest in the queue`() throws {
        let (first, rest) = try withKernel { _ in
            var socket = try ConntrackEvents.open(receiveBuffer: 1 << 20)
            var writer = try ConntrackWriter.open()
            _ = try write((0..<64).map { FlowWrite(.create, Self.flows.flow($0)) }, &writer)
            _ = try write((64..<128).map { FlowWrite(.create, Self.flows.flow($0)) }, &writer)
            return (try self.events(&socket, limit: 100).events, try self.events(&socket).events)
        }
        #expect(first.count == 100)
        let heard = (first + rest).map(\.flow.original)
        #expect(heard == (0..<128).map { Self.flows.flow($0).original })
    }

    @Test func `an overrun is told once and what was kept is read`() throws {
        let (full, later, overruns, ceiling) = try withKernel { _ in
            var socket = try ConntrackEvents.open(receiveBuffer: 16_384)
            var writer = try ConntrackWriter.open()
            _ = try Self.flows.load(0..<2_000, using: &writer)
            let full = try self.events(&socket, limit: 4_096)
            _ = try write([FlowWrite(.delete, Self.flows.flow(0))], &writer)
            return (full, try self.events(&socket), socket.overruns, socket.receiveBuffer)
        }
        #expect(ceiling == 32_768)
        #expect(full.overran)
        #expect(!full.events.isEmpty && full.events.count < 2_000)
        #expect(full.events.first?.flow.original == Self.flows.flow(0).original)
        #expect(!later.overran)
        #expect(later.events.map(\.kind) == [.destroy])
        #expect(overruns == 1)
    }

    @Test func `the ceiling goes above the system's limit`() throws {
        let ceiling = try withKernel { _ in
            try ConntrackEvents.open(receiveBuffer: 64 << 20).receiveBuffer
        }
        #expect(ceiling == 128 << 20)
    }
}
