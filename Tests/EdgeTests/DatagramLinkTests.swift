import Bytes
import Conntrack
import Glibc
import LinuxIO
import StateMachine
import Testing

@testable import SyncTransport

/// One link on loopback whose peer is itself, or somebody else there.
@Suite(.serialized) struct DatagramLinkTests {
    static let loopback = Address(ipv4: 0x7f00_0001)
    static let key = SipHash.Key(1, 2)

    private func settings(
        _ port: UInt16, _ family: AddressFamily = .ipv4, peer: Address? = nil, queueBytes: Int = 1 << 20
    ) -> LinkSettings {
        let own = family == .ipv4 ? Self.loopback : Address(high: 0, low: 1)
        return LinkSettings(
            interface: "lo", family: family, port: port, listenAddresses: [own], audience: .peers([peer ?? own]),
            queueBytes: queueBytes, sourceKey: Self.key)
    }

    private func batch(of datagrams: [[UInt8]], to source: UInt64 = 0, capacity: Int = 1_472) -> DatagramBatch {
        var batch = DatagramBatch(limit: max(datagrams.count, 1), datagramCapacity: capacity)
        for datagram in datagrams { batch.append(datagram.span.bytes, source: source) }
        return batch
    }

    /// Receives until nothing waits, and for at most two seconds until something came.
    private func receive(_ link: inout DatagramLink, capacity: Int = 1_472) throws -> [(bytes: [UInt8], source: UInt64)]
    {
        let epoll = try Epoll()
        try epoll.add(link.rawValue, tag: 1)
        _ = epoll.wait(until: MonotonicClock.now() + .seconds(2))
        var received: [(bytes: [UInt8], source: UInt64)] = []
        var batch = DatagramBatch(limit: 8, datagramCapacity: capacity)
        var more = true
        while more {
            batch.removeAll()
            more = link.receive(into: &batch)
            for index in 0..<batch.count {
                received.append((batch.withDatagram(index) { [UInt8]($0) }, batch.source(of: index)))
            }
        }
        return received
    }

    @Test(arguments: [AddressFamily.ipv4, .ipv6])
    func `what is sent to a peer arrives there, in order and with its source`(family: AddressFamily) throws {
        var link = try DatagramLink(settings(47_801, family))
        let datagrams = (0..<100).map { [UInt8](repeating: UInt8($0), count: 1 + $0 * 7) }
        let out = batch(of: datagrams)
        let result = link.send(out)
        #expect(result.sent == 100 && result.dropped == 0 && !result.isQueueFull)
        let received = try receive(&link)
        #expect(received.map(\.bytes) == datagrams)
        let own = family == .ipv4 ? Self.loopback : Address(high: 0, low: 1)
        let number = link.source(of: own, port: 47_801)
        #expect(received.allSatisfy { $0.source == number } && number != 0)
        let text = link.text(of: number)
        #expect(text == (family == .ipv4 ? "127.0.0.1:47801" : "[::1]:47801"))
        let bytes = UInt64(datagrams.reduce(0) { $0 + $1.count })
        let traffic = link.traffic
        #expect(traffic.sentDatagrams == 100 && traffic.sentBytes == bytes && traffic.sendErrors == 0)
        #expect(traffic.receivedDatagrams == 100 && traffic.receivedBytes == bytes && traffic.receiveErrors == 0)
    }

    @Test func `a datagram of anyone but the peer is dropped and counted, between others too`() throws {
        let peer = ForeignSocket(2)
        let stranger = ForeignSocket(3)
        var link = try DatagramLink(settings(47_802, peer: Address(ipv4: 0x7f00_0002)))
        peer.send([1], to: 1, port: 47_802)
        stranger.send([2, 2], to: 1, port: 47_802)
        peer.send([3, 3, 3], to: 1, port: 47_802)
        let received = try receive(&link)
        #expect(received.map(\.bytes) == [[1], [3, 3, 3]])
        let strangers = link.counters[.unknownSource]
        #expect(strangers == 1 && link.traffic.receiveErrors == 1 && link.traffic.receivedDatagrams == 2)
    }

    @Test func `a source is answered at the port it sent from`() throws {
        let peer = ForeignSocket(2)
        var link = try DatagramLink(settings(47_803, peer: Address(ipv4: 0x7f00_0002)))
        peer.send([1], to: 1, port: 47_803)
        let received = try receive(&link)
        let source = try #require(received.first?.source)
        let text = link.text(of: source)
        #expect(text == "127.0.0.2:\(peer.port)")
        let out = batch(of: [[9, 8]], to: source)
        let result = link.send(out)
        #expect(result.sent == 1)
        let answer = peer.receive()
        #expect(answer == [9, 8])
    }

    @Test func `a source that nobody knows is no destination`() throws {
        var link = try DatagramLink(settings(47_804))
        let out = batch(of: [[1]], to: 4_711)
        let result = link.send(out)
        let count = link.counters[.unknownDestination]
        #expect(result.sent == 0 && result.dropped == 1 && count == 1)
    }

    @Test func `a datagram that is longer than the batch's place is dropped and counted`() throws {
        let peer = ForeignSocket(2)
        var link = try DatagramLink(settings(47_805, peer: Address(ipv4: 0x7f00_0002)))
        peer.send([UInt8](repeating: 1, count: 65), to: 1, port: 47_805)
        peer.send([UInt8](repeating: 2, count: 64), to: 1, port: 47_805)
        let received = try receive(&link, capacity: 64)
        #expect(received.map(\.bytes) == [[UInt8](repeating: 2, count: 64)])
        let count = link.counters[.tooLongToReceive]
        #expect(count == 1)
    }

    @Test func `a datagram that fits in no packet is counted, and the ones around it leave`() throws {
        var link = try DatagramLink(settings(47_806))
        #expect(link.maximumPayload == 65_507)
        let out = batch(of: [[1], [UInt8](repeating: 2, count: 65_508), [3]], capacity: 66_000)
        let result = link.send(out)
        #expect(result.sent == 2 && result.dropped == 1 && !result.isQueueFull)
        let count = link.counters[.tooLongToSend]
        #expect(count == 1 && link.traffic.sendErrors == 1)
        let received = try receive(&link)
        #expect(received.map(\.bytes) == [[1], [3]])
    }

    @Test func `a broadcast is not for the link`() throws {
        var open = settings(47_807)
        open.listenAddresses = []
        open.audience = .peers([Address(ipv4: 0x7f00_0002)])
        var link = try DatagramLink(open)
        let peer = ForeignSocket(2)
        var on: Int32 = 1
        setsockopt(peer.number, SOL_SOCKET, SO_BROADCAST, &on, 4)
        peer.send([1], to: 0xff_ffff, port: 47_807)
        peer.send([2], to: 1, port: 47_807)
        let received = try receive(&link)
        #expect(received.map(\.bytes) == [[2]])
        let count = link.counters[.wrongDestination]
        #expect(count == 1)
    }

    @Test func `what overflows the receive queue is counted when asked`() throws {
        let peer = ForeignSocket(2)
        var link = try DatagramLink(settings(47_808, peer: Address(ipv4: 0x7f00_0002), queueBytes: 4_096))
        for _ in 0..<200 { peer.send([UInt8](repeating: 1, count: 1_000), to: 1, port: 47_808) }
        let received = try receive(&link)
        link.countQueueDrops()
        link.countQueueDrops()
        let dropped = link.counters[.receiveQueueFull]
        #expect(dropped > 0 && received.count + Int(dropped) == 200)
    }

    @Test func `links share a batch, each under its number and within its share`() throws {
        let stranger = ForeignSocket(2)
        var first = try DatagramLink(settings(47_811))
        var second = try DatagramLink(settings(47_812))
        var out = DatagramBatch(limit: 8, datagramCapacity: 100)
        for number in UInt8(0)..<6 { out.append([number].span.bytes, link: number % 3) }
        stranger.send([9], to: 1, port: 47_812)
        let sent = (first.send(out, as: 0), second.send(out, as: 1))
        #expect(sent.0.sent == 2 && sent.1.sent == 2)

        var batch = DatagramBatch(limit: 4, datagramCapacity: 100)
        let more = (
            first.receive(into: &batch, atMost: 1, as: 0), second.receive(into: &batch, atMost: 3, as: 1),
            first.receive(into: &batch, as: 0)
        )
        #expect(more.0 && more.1 && more.2)
        let full = first.receive(into: &batch, as: 0)
        #expect(full, "a full batch says nothing of what waits")
        var taken: [(bytes: [UInt8], link: UInt8)] = []
        for index in 0..<batch.count {
            taken.append((batch.withDatagram(index) { [UInt8]($0) }, batch.link(of: index)))
        }
        #expect(taken.map(\.bytes) == [[0], [1], [4], [3]] && taken.map(\.link) == [0, 1, 1, 0])
        let strangers = second.counters[.unknownSource]
        #expect(strangers == 1)
    }

    @Test func `of several listen addresses the interface's own is taken`() throws {
        var several = settings(47_813)
        several.listenAddresses = [Address(ipv4: 0xc000_0201), Self.loopback, Address(ipv4: 0xc000_0202)]
        let link = try DatagramLink(several)
        let own = link.listenAddress
        #expect(own == Self.loopback)
        several.listenAddresses = [Address(ipv4: 0xc000_0201), Address(ipv4: 0xc000_0202)]
        #expect(throws: LinkError.addressNotAssigned) { _ = try DatagramLink(several) }
    }

    @Test func `a second link on the port is told so`() throws {
        let link = try DatagramLink(settings(47_809))
        #expect(throws: LinkError.portInUse) { _ = try DatagramLink(settings(47_809)) }
        _ = link.rawValue
    }

    @Test func `what cannot work is told by name`() throws {
        var missing = settings(47_810)
        missing.interface = "nosuch0"
        #expect(throws: LinkError.interfaceMissing) { _ = try DatagramLink(missing) }
        var foreign = settings(47_810)
        foreign.listenAddresses = [Address(ipv4: 0xc000_0201)]
        #expect(throws: LinkError.addressNotAssigned) { _ = try DatagramLink(foreign) }
        #expect(LinkError.interfaceMissing.mayPass && LinkError.addressNotAssigned.mayPass)
        #expect(!LinkError.unusable(.port).mayPass)
    }

    @Test(
        arguments: [
            (LinkSettings.Fault.interfaceName, "a-name-of-16-byte", UInt16(1), 0x7f00_0001, [0x7f00_0002]),
            (.port, "lo", 0, 0x7f00_0001, [0x7f00_0002]),
            (.listenAddress, "lo", 1, 0xe100_0032, [0x7f00_0002]),
            (.peerCount, "lo", 1, 0x7f00_0001, []),
            (.peerAddress, "lo", 1, 0x7f00_0001, [0xe100_0032]),
        ] as [(LinkSettings.Fault, String, UInt16, UInt32, [UInt32])])
    func `settings that contradict themselves are refused`(
        fault: LinkSettings.Fault, interface: String, port: UInt16, own: UInt32, peers: [UInt32]
    ) {
        let settings = LinkSettings(
            interface: interface, family: .ipv4, port: port, listenAddresses: [Address(ipv4: own)],
            audience: .peers(peers.map { Address(ipv4: $0) }), sourceKey: Self.key)
        #expect(throws: LinkError.unusable(fault)) { _ = try DatagramLink(settings) }
    }

    @Test func `a group must be one`() {
        var wrong = settings(1)
        wrong.audience = .group(Address(ipv4: 0xc000_0201))
        #expect(wrong.fault == .groupAddress)
        wrong.audience = .group(Address(ipv4: 0xe100_0032))
        #expect(wrong.fault == nil)
    }
}

@Suite struct SourceTableTests {
    private func endpoint(_ last: UInt32) -> Endpoint { Endpoint(Address(ipv4: last), .ipv4, port: 3_780) }

    @Test func `numbers do not depend on the order in which sources are heard`() {
        let key = SipHash.Key(3, 4)
        var first = SourceTable(key: key, peers: [])
        var second = SourceTable(key: key, peers: [endpoint(9)])
        let one = (first.hear(endpoint(1)), first.hear(endpoint(2)))
        let two = second.hear(endpoint(2))
        let three = second.hear(endpoint(1))
        #expect(one.0 == three && one.1 == two && one.0 != one.1)
        #expect(SourceTable.number(of: endpoint(1), SipHash.Key(3, 5)) != one.0)
    }

    @Test func `a flood of sources pushes out neither the peers nor who is heard all the time`() {
        var table = SourceTable(key: SipHash.Key(1, 1), peers: [endpoint(1)])
        let peer = SourceTable.number(of: endpoint(1), SipHash.Key(1, 1))
        let steady = table.hear(endpoint(2))
        let early = table.hear(endpoint(3))
        for last in 100..<1_100 {
            _ = table.hear(endpoint(UInt32(last)))
            _ = table.hear(endpoint(2))
        }
        #expect(table.endpoint(of: peer) == endpoint(1))
        #expect(table.endpoint(of: steady) == endpoint(2))
        #expect(table.endpoint(of: early) == nil)
        #expect(table.forgotten == 1_003 - SourceTable.limit)
        let again = table.hear(endpoint(3))
        #expect(again == early)
    }
}
