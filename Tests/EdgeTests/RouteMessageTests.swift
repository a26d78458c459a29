import Bytes
import Conntrack
import Testing

@testable import RoleSources

/// Messages as rtnetlink(7) has them, built by hand.
@Suite struct RouteMessageTests {
    private func message(_ kind: UInt16, _ body: [UInt8], flags: UInt16 = 0, sequence: UInt32 = 7) -> [UInt8] {
        var writer = ByteWriter(capacity: 4_096)
        writer.appendNative(UInt32(16 + body.count))
        writer.appendNative(kind)
        writer.appendNative(flags)
        writer.appendNative(sequence)
        writer.appendNative(UInt32(0))
        for byte in body { writer.append(byte) }
        writer.pad(to: 4)
        return writer.withBytes { [UInt8]($0) }
    }

    private func attribute(_ kind: UInt16, _ value: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.appendNative(UInt16(4 + value.count))
        writer.appendNative(kind)
        for byte in value { writer.append(byte) }
        writer.pad(to: 4)
        return writer.withBytes { [UInt8]($0) }
    }

    private func native(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value) { [UInt8]($0) } }

    private func interface(
        _ index: UInt32, _ name: String, flags: UInt32, family: UInt8 = 0, mtu: UInt32 = 1_500
    ) -> [UInt8] {
        [family, 0, 1, 0] + native(index) + native(flags) + native(0)
            + attribute(3, Array(name.utf8) + [0]) + attribute(4, native(mtu))
    }

    private func read(_ datagram: [UInt8]) throws -> [RouteMessage] {
        var messages: [RouteMessage] = []
        try datagram.withBytes { (bytes: borrowing RawSpan) throws in
            var cursor = ByteCursor(bytes)
            while cursor.remaining > 0 { messages.append(try RouteMessage.read(&cursor, bytes).message) }
        }
        return messages
    }

    @Test func `addresses of both families, point to point ones and their broadcasts`() throws {
        let plain = [2, 24, 0, 0] + native(3) + attribute(1, [192, 168, 10, 1]) + attribute(2, [192, 168, 10, 1])
        let told = plain + attribute(4, [192, 168, 10, 127])
        let tunnel = [2, 32, 0, 0] + native(4) + attribute(1, [198, 51, 100, 2]) + attribute(2, [198, 51, 100, 1])
        let six =
            [10, 64, 0, 0] + native(3) + attribute(1, [0x20, 1, 0xd, 0xb8] + Array(repeating: 0, count: 11) + [5])
        let messages = try read(message(20, plain) + message(20, told) + message(21, tunnel) + message(20, six))
        let own = Address(ipv4: 0xc0a8_0a01)
        #expect(
            messages == [
                .address(
                    LocalAddress(
                        own, .ipv4, prefixLength: 24, interfaceIndex: 3, broadcast: Address(ipv4: 0xc0a8_0aff)),
                    isThere: true),
                .address(
                    LocalAddress(
                        own, .ipv4, prefixLength: 24, interfaceIndex: 3, broadcast: Address(ipv4: 0xc0a8_0a7f)),
                    isThere: true),
                .address(
                    LocalAddress(Address(ipv4: 0xc633_6401), .ipv4, prefixLength: 32, interfaceIndex: 4),
                    isThere: false),
                .address(
                    LocalAddress(
                        Address(high: 0x2001_0db8_0000_0000, low: 5), .ipv6, prefixLength: 64, interfaceIndex: 3),
                    isThere: true),
            ])
    }

    @Test(arguments: [
        (UInt32(0x1), true, false), (0x41, true, true), (0x40, false, false), (0, false, false),
    ])
    func `an interface is up, running, or neither`(flags: UInt32, isUp: Bool, isRunning: Bool) throws {
        let messages = try read(message(16, interface(9, "sync0", flags: flags, mtu: 9_000)))
        let expected = NetworkInterface(index: 9, name: "sync0", isUp: isUp, isRunning: isRunning, mtu: 9_000)
        #expect(messages == [.interface(expected, isThere: true)])
    }

    @Test func `a port that leaves a bridge is no interface that went`() throws {
        let messages = try read(message(17, interface(9, "eth1", flags: 1, family: 7)))
        #expect(messages == [.other])
    }

    @Test func `the end of a dump, an error and a kind of no interest`() throws {
        let messages = try read(message(3, native(0)) + message(2, native(UInt32(bitPattern: -16))) + message(24, [1]))
        #expect(messages == [.end(error: 0), .end(error: 16), .other])
    }

    @Test func `no beginning of a message is taken for a whole one, and none is read beyond`() throws {
        let whole = message(20, [2, 24, 0, 0] + native(3) + attribute(2, [192, 168, 10, 1]))
        for count in 1..<whole.count {
            #expect(throws: ByteError.truncated) { try read(Array(whole[..<count])) }
        }
    }

    @Test(
        arguments: [
            [2, 33, 0, 0, 3, 0, 0, 0, 8, 0, 2, 0, 1, 2, 3, 4], [2, 24, 0, 0, 3, 0, 0, 0],
            [2, 24, 0, 0, 3, 0, 0, 0, 6, 0, 2, 0, 1, 2, 0, 0], [2, 24, 0, 0, 3, 0, 0, 0, 3, 0, 2, 0],
            [2, 24, 0, 0, 3, 0, 0, 0, 9, 0, 2, 0, 1, 2, 3, 4],
        ] as [[UInt8]])
    func `an address that contradicts itself is malformed`(body: [UInt8]) {
        #expect(throws: ByteError.truncated) { try read(message(20, body)) }
    }

    @Test func `an interface without a name is malformed`() {
        #expect(throws: ByteError.truncated) {
            try read(message(16, [0, 0, 1, 0] + native(1) + native(1) + native(0)))
        }
    }
}

@Suite struct AddressTableTests {
    private func address(_ last: UInt32, on index: UInt32 = 2, _ name: String = "") -> LocalAddress {
        LocalAddress(
            Address(ipv4: 0xc0a8_0a00 | last), .ipv4, prefixLength: 24, interfaceIndex: index, interfaceName: name)
    }

    private func interface(_ index: UInt32, _ name: String, isUp: Bool = true) -> NetworkInterface {
        NetworkInterface(index: index, name: name, isUp: isUp, isRunning: isUp, mtu: 1_500)
    }

    private func changes(_ table: inout AddressTable, _ messages: RouteMessage...) -> [AddressChange] {
        var changes: [AddressChange] = []
        for message in messages {
            let hadRoom = table.apply(message, &changes)
            #expect(hadRoom)
        }
        return changes
    }

    @Test func `what is repeated is no change`() {
        var table = AddressTable()
        let first = changes(
            &table, .interface(interface(2, "lan"), isThere: true), .address(address(1), isThere: true))
        let again = changes(
            &table, .interface(interface(2, "lan"), isThere: true), .address(address(1), isThere: true))
        #expect(first == [.interfaceAppeared(interface(2, "lan")), .addressAppeared(address(1, "lan"))])
        #expect(again.isEmpty)
    }

    @Test func `an interface takes its addresses with it`() {
        var table = AddressTable()
        _ = changes(
            &table, .interface(interface(2, "lan"), isThere: true), .interface(interface(3, "wan"), isThere: true),
            .address(address(1), isThere: true), .address(address(2, on: 3), isThere: true))
        let gone = changes(&table, .interface(interface(2, "lan"), isThere: false))
        #expect(gone == [.addressWent(address(1, "lan")), .interfaceWent(interface(2, "lan"))])
        #expect(table.contains(address(2).address, .ipv4) && !table.contains(address(1).address, .ipv4))
    }

    @Test func `addresses follow the name of their interface`() {
        var table = AddressTable()
        _ = changes(&table, .interface(interface(2, "eth0"), isThere: true), .address(address(1), isThere: true))
        let renamed = changes(&table, .interface(interface(2, "lan"), isThere: true))
        #expect(renamed == [.interfaceChanged(from: interface(2, "eth0"), to: interface(2, "lan"))])
        #expect(table.addresses == [address(1, "lan")])
    }

    @Test func `a dump sweeps what it did not name, but not what was reported meanwhile`() {
        var table = AddressTable()
        _ = changes(
            &table, .interface(interface(2, "lan"), isThere: true), .interface(interface(3, "wan"), isThere: true),
            .address(address(1), isThere: true), .address(address(2), isThere: true))
        table.beginDump()
        _ = changes(&table, .interface(interface(2, "lan"), isThere: true))
        var found: [AddressChange] = []
        table.sweepInterfaces(&found)
        #expect(found == [.interfaceWent(interface(3, "wan"))])
        _ = changes(&table, .address(address(3), isThere: true), .address(address(1), isThere: true))
        found = []
        table.sweepAddresses(&found)
        #expect(found == [.addressWent(address(2, "lan"))])
        #expect(Set(table.addresses.map(\.address)) == [address(1).address, address(3).address])
    }

    @Test func `a table that is full says so`() {
        var table = AddressTable()
        var ignored: [AddressChange] = []
        for index in 0..<UInt32(AddressTable.interfaceLimit) {
            _ = table.apply(.interface(interface(index, "v\(index)"), isThere: true), &ignored)
        }
        let known = table.apply(.interface(interface(5, "v5", isUp: false), isThere: true), &ignored)
        let fresh = table.apply(.interface(interface(99_999, "x"), isThere: true), &ignored)
        #expect(known && !fresh)
    }
}
