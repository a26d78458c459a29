import Conntrack
import LabSupport
import LinuxIO
import StateMachine
import Testing

@testable import RoleSources

/// What the kernel tells of addresses and interfaces, in a namespace of the test's own.
@Suite(.serialized) struct AddressWatchTests {
    private static let virtual = Address(ipv4: 0xc0a8_0a01)

    /// Receives until `isDone`, for at most two seconds.
    private static func collect(
        _ watch: inout AddressWatch, until isDone: (borrowing AddressWatch, [AddressChange]) -> Bool
    ) throws -> [AddressChange] {
        let epoll = try Epoll()
        try epoll.add(watch.rawValue, tag: 1)
        let end = MonotonicClock.now() + .seconds(2)
        var changes: [AddressChange] = []
        while !isDone(watch, changes), MonotonicClock.now() < end {
            _ = epoll.wait(until: end)
            changes += try watch.receive().changes
        }
        return changes
    }

    private static func settled() throws -> AddressWatch {
        var watch = try AddressWatch()
        _ = try collect(&watch) { watch, _ in watch.isComplete }
        return watch
    }

    @Test func `the first dump tells what is there, with names`() throws {
        try NetworkNamespace.withNew {
            try Command.run("ip", "link", "add", "lan", "mtu", "1400", "type", "bridge")
            try Command.run("ip", "address", "add", "192.168.10.1/24", "dev", "lan")
            var watch = try AddressWatch()
            let isEarly = watch.isComplete
            let changes = try Self.collect(&watch) { watch, _ in watch.isComplete }
            let isComplete = watch.isComplete
            #expect(!isEarly && isComplete)
            let lan = try #require(watch.interfaces.first { $0.name == "lan" })
            #expect(!lan.isUp && !lan.isRunning && lan.mtu == 1_400)
            let own = LocalAddress(
                Self.virtual, .ipv4, prefixLength: 24, interfaceIndex: lan.index, interfaceName: "lan",
                broadcast: Address(ipv4: 0xc0a8_0aff))
            #expect(changes.contains(.addressAppeared(own)) && changes.contains(.interfaceAppeared(lan)))
            let loopback = (
                watch.contains(Address(high: 0, low: 1), .ipv6), watch.contains(Address(ipv4: 0x7f00_0001), .ipv4)
            )
            #expect(loopback == (true, true))
        }
    }

    @Test func `an address that comes and goes is told each time`() throws {
        try NetworkNamespace.withNew {
            try Command.run("ip", "link", "add", "lan", "type", "bridge")
            var watch = try Self.settled()
            try Command.run("ip", "address", "add", "192.168.10.1/32", "dev", "lan")
            let came = try Self.collect(&watch) { _, changes in !changes.isEmpty }
            guard case .addressAppeared(let address) = came.first else {
                Issue.record("not the appearance of an address: \(came)")
                return
            }
            #expect(address.address == Self.virtual && address.interfaceName == "lan" && address.prefixLength == 32)
            try Command.run("ip", "address", "del", "192.168.10.1/32", "dev", "lan")
            let went = try Self.collect(&watch) { _, changes in !changes.isEmpty }
            #expect(went == [.addressWent(address)])
            let isThere = watch.contains(Self.virtual, .ipv4)
            #expect(!isThere)
        }
    }

    @Test func `an interface that loses its carrier, goes down and goes away`() throws {
        try NetworkNamespace.withNew {
            try Command.run("ip", "link", "add", "lan", "type", "veth", "peer", "name", "far")
            try Command.run("ip", "link", "set", "lan", "up")
            try Command.run("ip", "link", "set", "far", "up")
            try Command.run("ip", "address", "add", "192.168.10.1/24", "dev", "lan")
            var watch = try Self.settled()
            func lan(_ change: AddressChange) -> NetworkInterface? {
                if case .interfaceChanged(_, let now) = change, now.name == "lan" { return now }
                return nil
            }
            try Command.run("ip", "link", "set", "far", "down")
            let carrier = try Self.collect(&watch) { _, changes in
                changes.compactMap(lan).contains { $0.isUp && !$0.isRunning }
            }
            #expect(carrier.compactMap(lan).contains { $0.isUp && !$0.isRunning })
            try Command.run("ip", "link", "set", "lan", "down")
            let down = try Self.collect(&watch) { _, changes in changes.compactMap(lan).contains { !$0.isUp } }
            #expect(down.compactMap(lan).contains { !$0.isUp })
            try Command.run("ip", "link", "del", "lan")
            let gone = try Self.collect(&watch) { watch, _ in watch.interfaces.allSatisfy { $0.name == "lo" } }
            let order = gone.compactMap { change -> String? in
                switch change {
                case .addressWent(let address) where address.address == Self.virtual: "address"
                case .interfaceWent(let interface) where interface.name == "lan": "interface"
                default: nil
                }
            }
            #expect(order == ["address", "interface"])
        }
    }

    @Test func `after an overrun a new dump finds what was missed`() throws {
        try NetworkNamespace.withNew {
            try Command.run("ip", "link", "add", "lan", "type", "bridge")
            try Command.run("ip", "address", "add", "192.168.10.1/32", "dev", "lan")
            var watch = try AddressWatch(queueBytes: 4_096)
            _ = try Self.collect(&watch) { watch, _ in watch.isComplete }
            let batch =
                (2..<200).map { "address add 192.168.10.\($0)/32 dev lan" } + ["address del 192.168.10.1/32 dev lan"]
            try Command.run(["ip", "-batch", "-"], input: batch.joined(separator: "\n"))
            var hasOverrun = false
            var changes: [AddressChange] = []
            for _ in 0..<1_000 {
                let report = try watch.receive()
                changes += report.changes
                hasOverrun = hasOverrun || report.hasOverrun
                if hasOverrun, watch.isComplete, report.changes.isEmpty, !report.mayHoldMore { break }
            }
            #expect(hasOverrun && watch.counters[.overrun] > 0 && watch.isComplete)
            let own = watch.addresses.filter { $0.interfaceName == "lan" && $0.family == .ipv4 }
            #expect(own.count == 198)
            let appeared = changes.filter { if case .addressAppeared = $0 { true } else { false } }
            let went = changes.filter { if case .addressWent = $0 { true } else { false } }
            #expect(appeared.count == 198 && went.count == 1)
        }
    }

    @Test func `more interfaces than one part of a dump holds are all told`() throws {
        try NetworkNamespace.withNew {
            let batch = (0..<150).flatMap { index in
                [
                    "link add v\(index) type bridge",
                    "address add 10.99.\(index).1/24 dev v\(index)",
                ]
            }
            try Command.run(["ip", "-batch", "-"], input: batch.joined(separator: "\n"))
            let watch = try Self.settled()
            let counters = watch.counters
            #expect(watch.interfaces.count == 151 && watch.addresses.count >= 151)
            #expect(counters[.malformed] == 0 && counters[.truncated] == 0)
        }
    }
}
