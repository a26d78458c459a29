internal import Bytes
internal import Conntrack

/// One message of the kernel's route family, as far as addresses and interfaces go (rtnetlink(7), netlink(7)).
enum RouteMessage: Equatable {
    case address(LocalAddress, isThere: Bool)
    case interface(NetworkInterface, isThere: Bool)
    /// The end of a dump; 0 or an errno.
    case end(error: Int32)
    /// A message of no interest here.
    case other

    /// What stands before each message (struct nlmsghdr).
    struct Header: Equatable {
        let kind: UInt16
        let flags: UInt16
        let sequence: UInt32

        /// Whether the tables changed while a dump walked them (NLM_F_DUMP_INTR).
        var isInterrupted: Bool { flags & 0x10 != 0 }
    }

    /// Kinds of messages; raw values are those of linux/netlink.h and linux/rtnetlink.h.
    enum Kind: UInt16 {
        case error = 2
        case done = 3
        case newLink = 16
        case deleteLink = 17
        case getLink = 18
        case newAddress = 20
        case deleteAddress = 21
        case getAddress = 22
    }

    /// Attributes of addresses and interfaces; values are those of linux/if_addr.h and linux/if_link.h.
    private enum Attribute {
        static let address: UInt16 = 1
        static let local: UInt16 = 2
        static let broadcast: UInt16 = 4
        static let interfaceName: UInt16 = 3
        static let mtu: UInt16 = 4
        /// The bits of an attribute's type that are not flags.
        static let mask: UInt16 = 0x3fff
    }

    private static let headerSize: UInt32 = 16

    /// Reads the next message of a datagram.
    static func read(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws(ByteError) -> (header: Header, message: RouteMessage) {
        let length = try cursor.readNativeUInt32(bytes)
        guard length >= headerSize else { throw .truncated }
        let header = Header(
            kind: try cursor.readNativeUInt16(bytes), flags: try cursor.readNativeUInt16(bytes),
            sequence: try cursor.readNativeUInt32(bytes))
        try cursor.skip(4)
        var body = try cursor.slice(Int(length - headerSize))
        try cursor.skip(min(cursor.remaining, Int(~length &+ 1) & 3))
        let message: RouteMessage
        switch Kind(rawValue: header.kind) {
        case .error, .done: message = .end(error: try readError(&body, bytes))
        case .newAddress: message = try readAddress(&body, bytes, isThere: true)
        case .deleteAddress: message = try readAddress(&body, bytes, isThere: false)
        case .newLink: message = try readInterface(&body, bytes, isThere: true)
        case .deleteLink: message = try readInterface(&body, bytes, isThere: false)
        case .getLink, .getAddress, nil: message = .other
        }
        return (header, message)
    }

    /// Writes a request for all interfaces or all addresses; both have room for the longer header of interfaces.
    static func writeDump(_ kind: Kind, sequence: UInt32, into writer: inout ByteWriter) {
        writer.appendNative(headerSize + 16)
        writer.appendNative(kind.rawValue)
        // NLM_F_REQUEST and NLM_F_DUMP.
        writer.appendNative(UInt16(0x301))
        writer.appendNative(sequence)
        writer.appendNative(UInt32(0))
        for _ in 0..<4 { writer.appendNative(UInt32(0)) }
    }

    /// The errno of an error or of the end of a dump, which has none in old kernels.
    private static func readError(
        _ body: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws(ByteError) -> Int32 {
        if body.remaining == 0 { return 0 }
        return 0 &- Int32(bitPattern: try body.readNativeUInt32(bytes))
    }

    private static func readAddress(
        _ body: inout ByteCursor, _ bytes: borrowing RawSpan, isThere: Bool
    ) throws(ByteError) -> RouteMessage {
        // struct ifaddrmsg
        guard let family = AddressFamily(rawValue: try body.readUInt8(bytes)) else { return .other }
        let prefixLength = try body.readUInt8(bytes)
        try body.skip(2)
        let index = try body.readNativeUInt32(bytes)
        var address: Address?
        var local: Address?
        var broadcast: Address?
        while let (kind, value) = try nextAttribute(&body, bytes) {
            var value = value
            switch kind {
            case Attribute.address: address = try readAddress(&value, bytes, family)
            case Attribute.local: local = try readAddress(&value, bytes, family)
            case Attribute.broadcast: broadcast = try readAddress(&value, bytes, family)
            default: continue
            }
        }
        // Of a point-to-point interface, IFA_ADDRESS is the other end's.
        guard let own = local ?? address, Int(prefixLength) <= family.bits else { throw .truncated }
        if family == .ipv4, broadcast == nil, prefixLength < 31 {
            // The kernel answers to the last address of the network even if nobody set it.
            broadcast = Address(ipv4: UInt32(truncatingIfNeeded: own.low) | UInt32.max >> UInt32(prefixLength))
        }
        let found = LocalAddress(
            own, family, prefixLength: prefixLength, interfaceIndex: index,
            broadcast: family == .ipv4 ? broadcast : nil)
        return .address(found, isThere: isThere)
    }

    private static func readInterface(
        _ body: inout ByteCursor, _ bytes: borrowing RawSpan, isThere: Bool
    ) throws(ByteError) -> RouteMessage {
        // struct ifinfomsg. A bridge reports a port that leaves it as a deleted link of its own family.
        guard try body.readUInt8(bytes) == 0 else { return .other }
        try body.skip(3)
        let index = try body.readNativeUInt32(bytes)
        let flags = try body.readNativeUInt32(bytes)
        try body.skip(4)
        var name: String?
        var mtu: UInt32 = 0
        while let (kind, value) = try nextAttribute(&body, bytes) {
            var value = value
            switch kind {
            case Attribute.interfaceName:
                // With its final zero.
                guard value.remaining > 0 else { throw .truncated }
                name = try value.readText(bytes, count: value.remaining - 1)
            case Attribute.mtu: mtu = try value.readNativeUInt32(bytes)
            default: continue
            }
        }
        guard let name else { throw .truncated }
        let isUp = flags & 0x01 != 0
        let interface = NetworkInterface(
            index: index, name: name, isUp: isUp, isRunning: isUp && flags & 0x40 != 0, mtu: mtu)
        return .interface(interface, isThere: isThere)
    }

    /// The type and value of the next attribute (struct rtattr); nil at the end.
    private static func nextAttribute(
        _ body: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws(ByteError) -> (kind: UInt16, value: ByteCursor)? {
        if body.remaining < 4 { return nil }
        let length = Int(try body.readNativeUInt16(bytes))
        let kind = try body.readNativeUInt16(bytes) & Attribute.mask
        guard length >= 4 else { throw .truncated }
        let value = try body.slice(length - 4)
        try body.skip(min(body.remaining, -length & 3))
        return (kind, value)
    }

    private static func readAddress(
        _ value: inout ByteCursor, _ bytes: borrowing RawSpan, _ family: AddressFamily
    ) throws(ByteError) -> Address {
        switch family {
        case .ipv4: return Address(ipv4: try value.readUInt32(bytes))
        case .ipv6: return Address(high: try value.readUInt64(bytes), low: try value.readUInt64(bytes))
        }
    }
}
