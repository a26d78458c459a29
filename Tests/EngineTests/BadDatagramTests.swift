import Bytes
import Conntrack
import Engine
import StateMachine
import SyncProtocol
import Testing

@testable import Simulation

/// Datagrams that no honest peer sends, put on the link between two engines that are in sync.
@Suite struct BadDatagramTests {
    /// A world in sync, and the last datagram that its master sent.
    private func inSync() -> (world: World, sample: [UInt8]) {
        let world = World(World.Setup(seed: 3))
        world.begin()
        world.run(for: .seconds(8))
        world.settle()
        var sample: [UInt8] = []
        let tap = world.network.tap
        world.network.tap = { node, bytes in
            if node == 0 { sample = bytes }
            tap?(node, bytes)
        }
        world.run(for: .seconds(2))
        world.network.tap = tap
        return (world, sample)
    }

    /// The master's own header, moved on by some datagrams.
    private func header(of sample: [UInt8], ahead: UInt64) throws -> DatagramHeader {
        var header = try sample.withBytes { bytes throws(DatagramRefusal) in try DatagramReader(bytes).header }
        header.sequence += ahead
        return header
    }

    private func datagram(_ header: DatagramHeader, _ fill: (inout DatagramWriter) -> Void) -> [UInt8] {
        var writer = DatagramWriter(capacity: 1400)
        writer.begin(header)
        fill(&writer)
        return writer.withBytes { [UInt8]($0) }
    }

    /// Puts a forged datagram in and expects that both nodes agree again, with nothing harmed.
    private func expectRecovery(_ world: World, from forged: [UInt8]) {
        world.network.send(forged, from: 0)
        world.run(for: .seconds(4))
        let agrees = world.settle()
        #expect(agrees, "\(world.account(lines: 40))")
        #expect(world.problems.isEmpty, "\(world.account(lines: 40))")
        #expect(world.nodes[1].flows(external: true).count > 20)
    }

    @Test func `an interval over four billion versions wedges nothing`() throws {
        let (world, sample) = inSync()
        let forged = datagram(try header(of: sample, ahead: 1)) { writer in
            writer.openInterval(lane: .live, bulk: 1, from: 0)
            writer.closeInterval(to: UInt64(UInt32.max))
        }
        expectRecovery(world, from: forged)
    }

    @Test func `a flow with a version from the far future wedges nothing`() throws {
        let (world, sample) = inSync()
        let flow = try #require(world.nodes[1].flows(external: true).first?.value)
        let forged = datagram(try header(of: sample, ahead: 1)) { writer in
            writer.openInterval(lane: .live, bulk: 1, from: 1 << 60)
            _ = writer.append(flow, version: 1 << 60 + 5, isReplacement: false)
            writer.closeInterval(to: 1 << 60 + 5)
        }
        expectRecovery(world, from: forged)
    }

    @Test func `a progress that lies wedges nothing`() throws {
        let (world, sample) = inSync()
        let forged = datagram(try header(of: sample, ahead: 1)) { writer in
            _ = writer.append(
                .progress(Progress(sentVersion: 1 << 50, bulk: .max, bulkEnd: 1 << 50, bulkSent: 1 << 50)))
        }
        expectRecovery(world, from: forged)
    }

    @Test func `a sequence from the far future is not read`() throws {
        let (world, sample) = inSync()
        let before = world.nodes[1].report(at: world.clock.now)?.counters[.datagramJump] ?? 0
        expectRecovery(world, from: datagram(try header(of: sample, ahead: 1 << 50)) { _ in })
        let after = world.nodes[1].report(at: world.clock.now)?.counters[.datagramJump] ?? 0
        #expect(after == before + 1)
    }

    @Test func `a term from the far future is not believed`() throws {
        let (world, sample) = inSync()
        var forged = try header(of: sample, ahead: 1)
        forged.term = .max - 1
        expectRecovery(world, from: datagram(forged) { _ in })
    }

    @Test func `truncated and random datagrams are counted by reason`() throws {
        let (world, sample) = inSync()
        var chance = SeededGenerator(seed: 11)
        for count in 0..<sample.count { world.network.send(Array(sample.prefix(count)), from: 0) }
        for _ in 0..<500 {
            var bytes = sample
            for _ in 0..<3 {
                bytes[Int(chance.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: chance.next())
            }
            // A changed header would be another honest node; the next ones aim at the messages.
            bytes.replaceSubrange(0..<DatagramHeader.size, with: sample.prefix(DatagramHeader.size))
            world.network.send(bytes, from: 0)
        }
        world.run(for: .seconds(1))
        // On an open link a changed byte can still make a flow; a bulk removes what its sender does not have. What a
        // changed byte made of an address is none of the checks' business.
        world.nodes[0].engine?.take(.bulk(id: 1), at: world.clock.now)
        world.run(for: .seconds(2))
        world.network.send([0xff, 0xfe], from: 0)
        world.run(for: .seconds(1))
        let agrees = world.settle()
        #expect(agrees, "\(world.account(lines: 40))")
        let counters = try #require(world.nodes[1].report(at: world.clock.now)?.counters)
        #expect(counters[.datagramTruncated] >= UInt64(DatagramHeader.size - 3))
        #expect(counters[.datagramForeign] >= 1)
    }
}
