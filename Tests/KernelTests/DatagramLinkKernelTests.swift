import Bytes
import CLinux
import Conntrack
import Glibc
import LabSupport
import LinuxIO
import StateMachine
import Testing

@testable import SyncTransport

/// Links between two nodes over a cable, which loopback cannot stand for: multicast, devices, their end.
@Suite(.serialized) struct DatagramLinkKernelTests {
    /// The addresses of both nodes, and the groups and peers that a link between them can have.
    enum Wiring: CaseIterable, CustomStringConvertible {
        case multicast4, multicast6, unicast4, unicast6, unicastScoped

        var description: String { "\(family) \(address(0).text(family))" }

        var family: AddressFamily { self == .multicast4 || self == .unicast4 ? .ipv4 : .ipv6 }

        func address(_ node: Int) -> Address {
            switch self {
            case .multicast4, .unicast4: Address(ipv4: 0x0a63_0001 + UInt32(node))
            case .multicast6, .unicastScoped: Address(high: 0xfe80 << 48, low: 1 + UInt64(node))
            case .unicast6: Address(high: 0x2001_0db8 << 32, low: 1 + UInt64(node))
            }
        }

        func settings(_ node: Int) -> LinkSettings {
            let audience: LinkSettings.Audience =
                switch self {
                case .multicast4: .group(Address(ipv4: 0xe100_0032))
                case .multicast6: .group(Address(high: 0xff02 << 48, low: 0x50))
                case .unicast4, .unicast6, .unicastScoped: .peers([address(1 - node)])
                }
            return LinkSettings(
                interface: "sync", family: family, port: 3_780, listenAddresses: [address(node)], audience: audience,
                sourceKey: SipHash.Key(1, 2))
        }
    }

    private static func batch(_ datagrams: [[UInt8]], to source: UInt64 = 0) -> DatagramBatch {
        var batch = DatagramBatch(limit: datagrams.count, datagramCapacity: 2_000)
        for datagram in datagrams { batch.append(datagram.span.bytes, source: source) }
        return batch
    }

    /// Receives until nothing comes for a time.
    private static func receive(
        _ link: inout DatagramLink, patience: Instant.Span = .seconds(1)
    ) throws -> [(bytes: [UInt8], source: UInt64)] {
        let epoll = try Epoll()
        try epoll.add(link.rawValue, tag: 1)
        var received: [(bytes: [UInt8], source: UInt64)] = []
        var batch = DatagramBatch(limit: 8, datagramCapacity: 2_000)
        var deadline = MonotonicClock.now() + patience
        while true {
            let ready = epoll.wait(until: deadline)
            if ready.isInterrupted { continue }
            guard ready.count > 0 else { return received }
            batch.removeAll()
            _ = link.receive(into: &batch)
            for index in 0..<batch.count {
                received.append((batch.withDatagram(index) { [UInt8]($0) }, batch.source(of: index)))
            }
            deadline = MonotonicClock.now() + .milliseconds(50)
        }
    }

    @Test(arguments: Wiring.allCases, [true, false])
    func `datagrams arrive once, from the right source, which can be answered`(
        wiring: Wiring, bindingToDevice: Bool
    ) throws {
        try NetworkNamespace.withNew {
            let pair = try RouterPair()
            var first = try DatagramLink(wiring.settings(0), bindingToDevice: bindingToDevice)
            try pair.enter(1)
            var second = try DatagramLink(wiring.settings(1), bindingToDevice: bindingToDevice)
            let isBound = second.isBoundToDevice
            #expect(isBound == bindingToDevice)
            let headers = wiring.family == .ipv4 ? 28 : 48
            let payload = second.maximumPayload
            #expect(payload == 1_500 - headers)

            let datagrams = [[1], [UInt8](repeating: 2, count: payload), [3, 3]]
            let sent = first.send(Self.batch(datagrams))
            #expect(sent.sent == 3 && sent.dropped == 0)
            let heard = try Self.receive(&second)
            let counters = "\(second.counters)"
            #expect(heard.map(\.bytes) == datagrams, "sent \(sent), counted \(counters)")
            let number = second.source(of: wiring.address(0), port: 3_780)
            #expect(heard.allSatisfy { $0.source == number })

            let answered = second.send(Self.batch([[9]], to: number))
            #expect(answered.sent == 1)
            let answer = try Self.receive(&first)
            #expect(answer.map(\.bytes) == [[9]])
            let echo = try Self.receive(&first, patience: .milliseconds(20))
            #expect(echo.isEmpty)

            let tooLong = first.send(Self.batch([[UInt8](repeating: 4, count: payload + 1)]))
            let count = first.counters[.tooLongToSend]
            #expect(tooLong.dropped == 1 && count == 1)
        }
    }

    @Test(arguments: [true, false])
    func `a datagram on another interface is not heard`(bindingToDevice: Bool) throws {
        try NetworkNamespace.withNew {
            let pair = try RouterPair()
            try pair.addCable("other")
            try Command.run("ip", "address", "add", "10.98.0.1/24", "dev", "other")
            var link = try DatagramLink(Wiring.multicast4.settings(0), bindingToDevice: bindingToDevice)
            try pair.enter(1)
            try Command.run("ip", "address", "add", "10.98.0.2/24", "dev", "other")
            let foreign = LinkSettings(
                interface: "other", family: .ipv4, port: 3_780, listenAddresses: [Address(ipv4: 0x0a62_0002)],
                audience: .peers([Address(ipv4: 0x0a62_0001)]), sourceKey: SipHash.Key(1, 2))
            var other = try DatagramLink(foreign)
            let sent = other.send(Self.batch([[1], [2]]))
            #expect(sent.sent == 2)
            let heard = try Self.receive(&link, patience: .milliseconds(100))
            let count = link.counters[.wrongInterface]
            #expect(heard.isEmpty && count == (bindingToDevice ? 0 : 2))
        }
    }

    /// A multicast link over an interface, without an address of its own.
    private static func group(_ wiring: Wiring, _ interface: String, port: UInt16 = 3_780) -> LinkSettings {
        var settings = wiring.settings(0)
        settings.interface = interface
        settings.port = port
        settings.listenAddresses = []
        return settings
    }

    /// A second cable with addresses of both families; the thread is in the first node then.
    private static func addSecondCable(_ pair: RouterPair) throws {
        try pair.addCable("other")
        for (node, name) in [(1, "2"), (0, "1")] {
            try pair.enter(node)
            try Command.run("ip", "address", "add", "10.98.0.\(name)/24", "dev", "other")
            try Command.run("ip", "address", "add", "fe80::\(name)/64", "dev", "other", "nodad")
            for _ in 0..<500 where try !Command.run("ip", "link", "show", "other").contains("state UP") {
                usleep(10_000)
            }
        }
    }

    @Test(arguments: [Wiring.multicast4, .multicast6], [true, false])
    func `the group on another interface is not heard, though the node is in it there`(
        wiring: Wiring, bindingToDevice: Bool
    ) throws {
        try NetworkNamespace.withNew {
            let pair = try RouterPair()
            try Self.addSecondCable(pair)
            var link = try DatagramLink(Self.group(wiring, "sync"), bindingToDevice: bindingToDevice)
            // Another program's, on another port.
            let member = try DatagramLink(Self.group(wiring, "other", port: 3_781))
            try pair.enter(1)
            var far = try DatagramLink(Self.group(wiring, "other"))
            let sent = far.send(Self.batch([[1], [2]]))
            #expect(sent.sent == 2)
            let heard = try Self.receive(&link, patience: .milliseconds(100))
            #expect(heard.isEmpty)
            _ = member.rawValue
        }
    }

    @Test(arguments: [Wiring.multicast4, .multicast6])
    func `one group on two interfaces is two links, and each hears its own`(wiring: Wiring) throws {
        try NetworkNamespace.withNew {
            let pair = try RouterPair()
            try Self.addSecondCable(pair)
            var sync = try DatagramLink(Self.group(wiring, "sync"))
            var other = try DatagramLink(Self.group(wiring, "other"))
            try pair.enter(1)
            var farSync = try DatagramLink(Self.group(wiring, "sync"))
            var farOther = try DatagramLink(Self.group(wiring, "other"))
            var batch = DatagramBatch(limit: 8, datagramCapacity: 2_000)
            for number in UInt8(0)..<8 { batch.append([number].span.bytes, link: number % 2) }
            let sent = (farSync.send(batch, as: 0), farOther.send(batch, as: 1))
            #expect(sent.0.sent == 4 && sent.1.sent == 4)
            let heard = (try Self.receive(&sync), try Self.receive(&other))
            #expect(heard.0.map(\.bytes) == [[0], [2], [4], [6]])
            #expect(heard.1.map(\.bytes) == [[1], [3], [5], [7]])

            let answered = other.send(Self.batch([[9]], to: heard.1[0].source))
            #expect(answered.sent == 1)
            let answers = (try Self.receive(&farSync, patience: .milliseconds(50)), try Self.receive(&farOther))
            #expect(answers.0.isEmpty && answers.1.map(\.bytes) == [[9]])
        }
    }

    @Test func `an address of another interface is not the link's`() throws {
        try NetworkNamespace.withNew {
            let pair = try RouterPair()
            try pair.addCable("other")
            var settings = Wiring.unicast4.settings(0)
            settings.interface = "other"
            #expect(throws: LinkError.addressNotAssigned) { _ = try DatagramLink(settings) }
            try Command.run("ip", "link", "set", "other", "down")
            #expect(throws: LinkError.interfaceDown) { _ = try DatagramLink(settings) }
        }
    }

    @Test func `a device that changes, goes down and goes away`() throws {
        try NetworkNamespace.withNew {
            let pair = try RouterPair()
            var link = try DatagramLink(Wiring.unicast4.settings(0))
            let before = link.device
            #expect(before.isUp && before.hasCarrier && before.mtu == 1_500)
            try Command.run("ip", "link", "set", "sync", "mtu", "1400")
            try link.readDevice()
            let payload = link.maximumPayload
            let tooLong = link.send(Self.batch([[UInt8](repeating: 1, count: payload + 1)]))
            #expect(payload == 1_372 && tooLong.dropped == 1)

            try pair.enter(1)
            try Command.run("ip", "link", "set", "sync", "down")
            try pair.enter(0)
            // The kernel notices by deferred work, up to a second later.
            var without = link.device
            for _ in 0..<500 where without.hasCarrier {
                usleep(10_000)
                try link.readDevice()
                without = link.device
            }
            #expect(without.isUp && !without.hasCarrier)

            try Command.run("ip", "link", "set", "sync", "down")
            let dropped = link.send(Self.batch([[1], [2]]))
            let reasons = (link.counters[.interfaceDown], link.counters[.unreachable])
            #expect(dropped.dropped == 2 && reasons.0 + reasons.1 == 2)

            try Command.run("ip", "link", "del", "sync")
            #expect(throws: LinkError.interfaceMissing) { try link.readDevice() }
            try pair.addCable("sync")
            #expect(throws: LinkError.interfaceMissing) { try link.readDevice() }
            let gone = link.send(Self.batch([[1]]))
            #expect(gone.sent == 0 && gone.dropped == 1)
        }
    }

    @Test func `a refusal by the local firewall has its own counter`() throws {
        try NetworkNamespace.withNew {
            let pair = try RouterPair()
            var link = try DatagramLink(Wiring.unicast4.settings(0))
            try Command.run("nft", "add table inet t")
            try Command.run("nft", "add chain inet t out { type filter hook output priority 0; policy drop; }")
            let result = link.send(Self.batch([[1], [2]]))
            let count = link.counters[.refusedLocally]
            #expect(result.dropped == 2 && count == 2)
            try pair.enter(0)
        }
    }

    @Test func `several peers each get a copy, and a missing one costs the others nothing`() throws {
        try NetworkNamespace.withNew {
            let pair = try RouterPair()
            var settings = Wiring.unicast4.settings(0)
            settings.audience = .peers([Address(ipv4: 0x0a63_0009), Wiring.unicast4.address(1)])
            var first = try DatagramLink(settings)
            try pair.enter(1)
            var second = try DatagramLink(Wiring.unicast4.settings(1))
            let sent = first.send(Self.batch([[1], [2]]))
            #expect(sent.sent == 4)
            let heard = try Self.receive(&second)
            #expect(heard.map(\.bytes) == [[1], [2]])
        }
    }
}
