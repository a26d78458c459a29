internal import Conntrack
internal import LinuxIO

/// The kernel's part of a flow filter: events of flows that take no part are dropped before they are queued.
///
/// It drops what the filter would leave out, as far as a program has room, and nothing else: what it cannot read, and
/// all expectations, pass. The filter itself stays the judge of all that passes.
///
/// ```
///   a flow? ─ no ──────────────────────────────────▶ pass
///      │ yes
///   its protocol ─ is not accepted ─────────────────▶ drop
///      │ accepted
///   each address of either tuple ─ in a prefix ─────▶ drop
///      └─ in none ──────────────────────────────────▶ pass
/// ```
struct EventFilter {
    /// Instruction codes (linux/bpf_common.h, linux/filter.h).
    private enum Code {
        static let load: UInt16 = 0x20  // LD | W | ABS
        static let loadByte: UInt16 = 0x30  // LD | B | ABS
        static let loadAtX: UInt16 = 0x40  // LD | W | IND
        static let loadByteAtX: UInt16 = 0x50  // LD | B | IND
        static let loadConstant: UInt16 = 0x00  // LD | IMM
        static let loadStored: UInt16 = 0x60  // LD | MEM
        static let loadXConstant: UInt16 = 0x01  // LDX | IMM
        static let store: UInt16 = 0x02  // ST
        static let and: UInt16 = 0x54  // ALU | AND | K
        static let jump: UInt16 = 0x05  // JMP | JA
        static let jumpIfEqual: UInt16 = 0x15  // JMP | JEQ | K
        static let moveToX: UInt16 = 0x07  // MISC | TAX
        static let end: UInt16 = 0x06  // RET | K
    }

    /// Where the kernel finds an attribute: behind the offset in A the one of the type in X (SKF_AD_NLATTR), or inside
    /// the one at that offset (SKF_AD_NLATTR_NEST); 0 where there is none.
    private enum Ancillary {
        static let attribute: UInt32 = 0xffff_f000 + 12
        static let nested: UInt32 = 0xffff_f000 + 16
    }

    private static let pass: UInt32 = .max
    private static let drop: UInt32 = 0
    /// Behind the headers of netlink and nfnetlink.
    private static let firstAttribute: UInt32 = 20
    /// The high byte of a message's type names the subsystem (nfnetlink.h).
    private static let subsystemByte: UInt32 = 5
    private static let conntrackSubsystem: UInt32 = 1
    /// Of an attribute.
    private static let headerSize: UInt32 = 4
    /// Words of the program's own: where a tuple's addresses lie in the message, and the address that is looked at.
    private static let addressPlace: UInt32 = 0
    private static let firstWord: UInt32 = 1

    private(set) var program = SocketFilter()

    /// Makes the program of a filter.
    init(_ filter: FlowFilter) {
        add(Code.loadByte, Self.subsystemByte)
        add(Code.jumpIfEqual, Self.conntrackSubsystem, ifTrue: 1)
        add(Code.end, Self.pass)
        if let accepted = filter.acceptedProtocols { dropOthers(than: accepted.sorted { $0.rawValue < $1.rawValue }) }
        var room = (SocketFilter.limit - program.instructions.count - Self.overhead) / Self.places
        let checks = Self.prefixes(of: filter).map { (family: $0.family, check: Self.check($0)) }
            .prefix { next in
                room -= next.check.count
                return room >= 0
            }
        for tuple in [WireAttribute.Flow.original, .reply] {
            find(tuple.rawValue)
            enter(WireAttribute.Tuple.addresses.rawValue)
            add(Code.store, Self.addressPlace)
            for (attribute, family) in Self.addresses {
                examine(attribute, checks.filter { $0.family == family }.flatMap(\.check))
            }
        }
        add(Code.end, Self.pass)
    }

    /// A prefix is looked for in the source and the destination of both tuples.
    private static let places = 4
    /// What is neither a protocol nor a prefix takes fewer instructions than this.
    private static let overhead = 150
    private static let addresses: [(attribute: WireAttribute.Addresses, family: AddressFamily)] = [
        (.sourceIPv4, .ipv4), (.destinationIPv4, .ipv4), (.sourceIPv6, .ipv6), (.destinationIPv6, .ipv6),
    ]
    /// What means something on one node only, as `Address.isBoundToItsNode` has it.
    private static let bound = [
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "::/127", "fe80::/10",
        "ff00::/8",
    ].compactMap { AddressPrefix(parsing: $0) }

    private static func prefixes(of filter: FlowFilter) -> [AddressPrefix] {
        bound + filter.ignoredAddresses
            + filter.ownAddresses.compactMap { AddressPrefix($0.address, $0.family, length: $0.family.bits) }
            .sorted { $0.text < $1.text }
    }

    private mutating func add(_ code: UInt16, _ operand: UInt32 = 0, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0) {
        program.instructions.append(.init(code, operand, ifTrue: ifTrue, ifFalse: ifFalse))
    }

    /// Loads where an attribute of the message lies; a message without it passes.
    private mutating func find(_ attribute: UInt16) {
        add(Code.loadConstant, Self.firstAttribute)
        add(Code.loadXConstant, UInt32(attribute))
        add(Code.load, Ancillary.attribute)
        passIfMissing()
    }

    /// Loads where an attribute inside the one in A lies; a message without it passes.
    private mutating func enter(_ attribute: UInt16) {
        add(Code.loadXConstant, UInt32(attribute))
        add(Code.load, Ancillary.nested)
        passIfMissing()
    }

    private mutating func passIfMissing() {
        add(Code.jumpIfEqual, 0, ifFalse: 1)
        add(Code.end, Self.pass)
    }

    private mutating func dropOthers(than accepted: [ProtocolNumber]) {
        find(WireAttribute.Flow.original.rawValue)
        enter(WireAttribute.Tuple.protocol.rawValue)
        enter(WireAttribute.Keys.number.rawValue)
        add(Code.moveToX)
        add(Code.loadByteAtX, Self.headerSize)
        for (place, number) in accepted.enumerated() {
            add(Code.jumpIfEqual, UInt32(number.rawValue), ifFalse: 1)
            // Over the rest of the list, and the drop behind it.
            add(Code.jump, UInt32(2 * (accepted.count - place) - 1))
        }
        add(Code.end, Self.drop)
    }

    /// Lets the checks look at an address of the tuple whose addresses are stored, if it has that one.
    private mutating func examine(_ attribute: WireAttribute.Addresses, _ checks: [SocketFilter.Instruction]) {
        guard !checks.isEmpty else { return }
        // Once from the message, then from the program's own words.
        let words: Range<UInt32> = attribute == .sourceIPv4 || attribute == .destinationIPv4 ? 0..<1 : 0..<4
        let reading = words.flatMap { word in
            [
                SocketFilter.Instruction(Code.loadAtX, Self.headerSize + 4 * word),
                SocketFilter.Instruction(Code.store, Self.firstWord + word),
            ]
        }
        add(Code.loadStored, Self.addressPlace)
        add(Code.loadXConstant, UInt32(attribute.rawValue))
        add(Code.load, Ancillary.nested)
        add(Code.jumpIfEqual, 0, ifFalse: 1)
        add(Code.jump, UInt32(1 + reading.count + checks.count))
        add(Code.moveToX)
        program.instructions += reading + checks
    }

    /// Drops if the address whose words are stored lies in a prefix, and falls through if not.
    private static func check(_ prefix: AddressPrefix) -> [SocketFilter.Instruction] {
        let bytes = prefix.address
        let words: [UInt32] =
            switch prefix.family {
            case .ipv4: [UInt32(truncatingIfNeeded: bytes.low)]
            case .ipv6:
                [bytes.high >> 32, bytes.high, bytes.low >> 32, bytes.low].map { UInt32(truncatingIfNeeded: $0) }
            }
        var check: [SocketFilter.Instruction] = [.init(Code.end, drop)]
        for (place, word) in words.enumerated().reversed() where Int(prefix.length) > place * 32 {
            let bits = min(32, Int(prefix.length) - place * 32)
            check.insert(.init(Code.jumpIfEqual, word, ifFalse: UInt8(check.count)), at: 0)
            if bits < 32 { check.insert(.init(Code.and, ~(UInt32.max >> UInt32(bits))), at: 0) }
            check.insert(.init(Code.loadStored, firstWord + UInt32(place)), at: 0)
        }
        return check
    }
}
