import Bytes
import Conntrack

@testable import RoleSources

/// The reader of rtnetlink and the table that it fills.
enum RouteMessageTarget {
    static func take(_ bytes: [UInt8]) throws(FuzzFailure) {
        var messages: [RouteMessage] = []
        bytes.withBytes { span in
            var cursor = ByteCursor(span)
            while cursor.remaining > 0 {
                guard let next = try? RouteMessage.read(&cursor, span) else { return }
                messages.append(next.message)
            }
        }
        try hold(messages.count <= bytes.count / 16, "\(messages.count) messages in \(bytes.count) bytes")
        var table = AddressTable()
        for message in messages {
            var changes: [AddressChange] = []
            let hadRoom = table.apply(message, &changes)
            try hold(hadRoom, "there is no room for \(message)")
            // Told again, it is no change.
            changes = []
            _ = table.apply(message, &changes)
            try hold(changes.isEmpty, "\(message) changes the table twice: \(changes)")
        }
        for address in table.addresses {
            try hold(table.contains(address.address, address.family), "\(address) is lost")
        }
        table.beginDump()
        var changes: [AddressChange] = []
        table.sweepInterfaces(&changes)
        table.sweepAddresses(&changes)
        try hold(table.addresses.isEmpty && table.interfaces.isEmpty, "an empty dump leaves something")
    }

    private static func message(_ kind: UInt16, _ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.appendNative(UInt32(16 + body.count))
        writer.appendNative(kind)
        writer.appendNative(UInt16(2))
        writer.appendNative(UInt32(7))
        writer.appendNative(UInt32(0))
        for byte in body { writer.append(byte) }
        writer.pad(to: 4)
        return writer.withBytes { [UInt8]($0) }
    }

    static var seeds: [[UInt8]] {
        let interface: [UInt8] =
            [0, 0, 1, 0, 3, 0, 0, 0, 0x41, 0, 0, 0, 0, 0, 0, 0]
            + [10, 0, 3, 0] + Array("sync0".utf8) + [0, 0, 0] + [8, 0, 4, 0, 0xdc, 5, 0, 0]
        let four: [UInt8] = [2, 24, 0, 0, 3, 0, 0, 0, 8, 0, 1, 0, 192, 0, 2, 1, 8, 0, 2, 0, 192, 0, 2, 2]
        let broadcast: [UInt8] = [8, 0, 4, 0, 192, 0, 2, 127]
        let six: [UInt8] = [10, 64, 0, 0, 3, 0, 0, 0, 20, 0, 1, 0, 0x20, 1, 0xd, 0xb8] + Array(repeating: 1, count: 12)
        return [
            message(16, interface) + message(20, four) + message(20, six),
            message(20, four + broadcast) + message(16, interface) + message(21, four),
            message(16, interface) + message(17, interface), message(3, [0, 0, 0, 0]),
            message(2, [0xf0, 0xff, 0xff, 0xff]), message(24, [1]),
        ]
    }
}
