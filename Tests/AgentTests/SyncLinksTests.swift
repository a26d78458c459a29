import Bytes
import Configuration
import Conntrack
import ControlProtocol
import StateMachine
import SyncProtocol
import SyncTransport
import Testing

@testable import Agent

/// Links on loopback, each of which is its own peer, as the engine's port.
@Suite(.serialized) struct SyncLinksTests {
    private static let loopback = Address(ipv4: 0x7f00_0001)

    private func settings(_ interface: String, _ port: UInt16) -> LinkSettings {
        LinkSettings(
            interface: interface, family: .ipv4, port: port, listenAddresses: [Self.loopback],
            audience: .peers([Self.loopback]), queueBytes: 1 << 20, sourceKey: SipHash.Key(UInt64(port), 1))
    }

    /// Links over these interfaces, from a port on.
    private func links(_ interfaces: [String], from port: UInt16, _ plan: SealingPlan = SealingPlan()) throws
        -> SyncLinks
    {
        var links = SyncLinks()
        for (number, interface) in interfaces.enumerated() {
            let sealing = LinkSealing(plan, sender: 1, incarnation: 1, link: UInt8(number), capacity: 1_400)
            links.append(
                try SyncLink(
                    UInt8(number), settings(interface, port + UInt16(number)), sealing: sealing, at: .origin))
        }
        return links
    }

    /// Datagrams of one byte each, for these links.
    private func batch(for numbers: [UInt8]) -> DatagramBatch {
        var batch = DatagramBatch(limit: max(1, numbers.count), datagramCapacity: 100)
        for (index, number) in numbers.enumerated() { batch.append([UInt8(index)].span.bytes, link: number) }
        return batch
    }

    private func counter(_ name: String, of links: inout SyncLinks) -> UInt64? {
        links.counters().first { $0.name == name }?.value
    }

    @Test func `what one link floods leaves the others their share, in turns`() throws {
        var links = try links(["lo", "lo", "lo"], from: 47_821)
        let flood = batch(for: Array(repeating: 0, count: 90) + [1, 1, 1, 2])
        links.send(flood)
        var turns: [[UInt8]] = []
        var sources: Set<UInt64> = []
        var batch = DatagramBatch(limit: 12, datagramCapacity: 100)
        for _ in 0..<3 {
            batch.removeAll()
            links.receive(into: &batch)
            turns.append((0..<batch.count).map { batch.link(of: $0) })
            for index in 0..<batch.count { sources.insert(batch.source(of: index)) }
        }
        // The first served has a third, then a half of what one has left; the last has all that the others leave.
        #expect(turns[0] == [0, 0, 0, 0, 1, 1, 1, 2])
        #expect(turns[1] == Array(repeating: 0, count: 12))
        #expect(turns[2] == Array(repeating: 0, count: 6))
        #expect(sources.count == 3)
        let texts = sources.compactMap { links.text(of: $0) }.sorted()
        #expect(texts == ["127.0.0.1:47821", "127.0.0.1:47822", "127.0.0.1:47823"])
        let nobody = links.text(of: 1)
        #expect(nobody == nil)
    }

    @Test func `a flood on two links at once is shared, whoever is first`() throws {
        var links = try links(["lo", "lo"], from: 47_824)
        let flood = batch(for: (0..<80).map { UInt8($0 % 2) })
        links.send(flood)
        var batch = DatagramBatch(limit: 8, datagramCapacity: 100)
        for first in [UInt8(0), 1, 0, 1] {
            batch.removeAll()
            links.receive(into: &batch)
            let numbers = (0..<batch.count).map { batch.link(of: $0) }
            #expect(numbers == Array(repeating: first, count: 4) + Array(repeating: 1 - first, count: 4))
        }
    }

    @Test func `a link that is away loses what it was to carry, by its own count, and the others go on`() throws {
        var links = try links(["lo", "nosuch0"], from: 47_826)
        let numbers = (links.linkCount, links.rawValue(of: 0) != nil, links.rawValue(of: 1) != nil)
        #expect(numbers == (2, true, false))
        let obstacles = (links.obstacle(of: 0), links.obstacle(of: 1))
        #expect(obstacles == (nil, "interface nosuch0 does not exist: waiting for it"))
        // The one that is away is tried again before the other is looked at.
        links.inspect(at: .origin)
        let due = links.due
        #expect(due == .origin + SyncLink.patience)

        let out = batch(for: [0, 1, 1, 0, 7])
        links.send(out)
        var batch = DatagramBatch(limit: 8, datagramCapacity: 100)
        links.receive(into: &batch)
        let heard = (0..<batch.count).map { batch.withDatagram($0) { [UInt8]($0) } }
        #expect(heard == [[0], [3]])
        let counted = (counter("interface_down", of: &links), counter("unaddressed", of: &links))
        #expect(counted == (2, 1))

        let report = links.report()
        #expect(report.map(\.interface) == ["lo", "nosuch0"] && report.map(\.isUsable) == [true, false])
        #expect(report.map(\.traffic.sentDatagrams) == [2, 0] && report.map(\.traffic.sendErrors) == [0, 2])
        #expect(report[0].trouble == nil && report[1].trouble == obstacles.1 && report.map(\.peers) == [1, 1])
        // It cannot come, and is tried in vain.
        links.inspect(at: due)
        let again = links.due
        #expect(again == due + SyncLink.patience)
    }

    @Test func `a datagram fits the smallest link, and one that is away counts with a guess`() throws {
        let one = try links(["lo"], from: 47_828)
        let alone = one.maximumPayload
        #expect(alone == 65_507 - SealedFront.tagSize)
        let two = try links(["lo", "nosuch0"], from: 47_829)
        let both = two.maximumPayload
        #expect(both == SyncLink.cautiousPayload - SealedFront.tagSize)
    }

    @Test func `settings that never work are refused, by the link's name`() throws {
        var wrong = settings("lo", 47_831)
        wrong.audience = .peers([])
        let sealing = LinkSealing(SealingPlan(), sender: 1, incarnation: 1, link: 0, capacity: 1_400)
        do {
            _ = try SyncLink(0, wrong, sealing: sealing, at: .origin)
            Issue.record("a link without anybody was made")
        } catch {
            #expect(error.text(interface: "lo").contains("lo"))
        }
    }

    @Test func `orders about keys reach every link, and a listing has each key once`() throws {
        var bytes = [UInt8](repeating: 7, count: 32)
        let key = try #require(SealKey(id: 1, wiping: &bytes))
        var links = try links(["lo", "lo"], from: 47_832)
        let refused = links.take(.enter(.require), at: .origin)
        guard case .refused = refused else {
            Issue.record("sealed without a key")
            return
        }
        for order in [SealingOrder.add(key), .enter(.require)] {
            guard case .done = links.take(order, at: .origin) else {
                Issue.record("\(order) was refused")
                return
            }
        }
        let stage = links.stage
        #expect(stage == .require)
        guard case .keys(let listing) = links.take(.list, at: .origin) else {
            Issue.record("no listing")
            return
        }
        #expect(listing.stage == .require && listing.keys.map(\.id) == [1] && listing.keys[0].seals)

        // Each seals for itself, with the same sequence, and hears itself: that is refused, and shows the seal.
        var out = DatagramBatch(limit: 2, datagramCapacity: 100)
        for number in UInt8(0)..<2 {
            var writer = ByteWriter(capacity: 100)
            DatagramHeader(sender: 1, incarnation: 1, term: 1, sequence: 1, role: .master, inSync: true)
                .encode(into: &writer)
            writer.withBytes { out.append($0, link: number) }
        }
        links.send(out)
        var batch = DatagramBatch(limit: 8, datagramCapacity: 200)
        links.receive(into: &batch)
        let heard = (batch.count, counter("reflected", of: &links), counter("unsealable", of: &links))
        #expect(heard == (0, 2, 0))
        guard case .keys(let after) = links.take(.list, at: .origin) else { return }
        #expect(after.keys[0].opened == 2 && after.keys[0].lastOpenedMilliseconds != nil)
    }
}
