internal import Conntrack

/// An IP packet along a tuple, built byte by byte: what no socket of this kernel would send.
struct Packet {
    /// The whole packet, from the IP header on.
    private(set) var bytes: [UInt8] = []

    /// What the packet carries.
    enum Body: Sendable {
        case tcp(Segment)
        /// UDP and UDP-Lite.
        case datagram([UInt8])
        case sctp(Chunk)
        /// An echo request or reply, as the tuple says.
        case echo
        /// Whatever follows the IP header.
        case raw([UInt8])
    }

    /// A TCP segment; sequence numbers are whole ones.
    struct Segment: Sendable {
        var flags: Flags
        var sequence: UInt32
        var acknowledgement: UInt32 = 0
        /// With it: the options of a SYN, with SACK.
        var scale: UInt8?
        var payload: [UInt8] = []

        /// The flags of a TCP header (RFC 9293).
        struct Flags: OptionSet, Sendable {
            let rawValue: UInt8
            static let finish = Flags(rawValue: 1)
            static let synchronize = Flags(rawValue: 2)
            static let push = Flags(rawValue: 8)
            static let acknowledge = Flags(rawValue: 16)
        }
    }

    /// An SCTP packet of one chunk (RFC 9260).
    struct Chunk: Sendable {
        var tag: UInt32
        var type: UInt8
        var value: [UInt8] = []
    }

    /// Builds the packet.
    init(_ tuple: Tuple, _ body: Body) {
        let payload = Self.payload(tuple, body)
        switch tuple.family {
        case .ipv4:
            // The kernel fills the checksum in (raw(7)).
            bytes = [0x45, 0] + UInt16(payload.count + 20).octets + [0, 0, 0, 0, 64, tuple.protocol.rawValue, 0, 0]
        case .ipv6: bytes = [0x60, 0, 0, 0] + UInt16(payload.count).octets + [tuple.protocol.rawValue, 64]
        }
        bytes += Self.octets(tuple.source, tuple.family) + Self.octets(tuple.destination, tuple.family) + payload
    }

    private static func payload(_ tuple: Tuple, _ body: Body) -> [UInt8] {
        let ports = tuple.sourceKey.octets + tuple.destinationKey.octets
        var bytes: [UInt8]
        switch body {
        case .tcp(let segment):
            var options: [UInt8] = []
            if let scale = segment.scale { options = [2, 4, 5, 180, 4, 2, 1, 3, 3, scale, 0, 0] }
            bytes = ports + segment.sequence.octets + segment.acknowledgement.octets
            bytes += [UInt8(5 + options.count / 4) << 4, segment.flags.rawValue, 0x40, 0, 0, 0, 0, 0]
            bytes += options + segment.payload
            return checked(bytes, tuple, at: 16)
        case .datagram(let payload):
            // UDP-Lite says how much its checksum covers, 0 for all (RFC 3828).
            let size = tuple.protocol == .udp ? UInt16(payload.count + 8) : 0
            bytes = ports + size.octets + [0, 0] + payload
            return checked(bytes, tuple, at: 6)
        case .sctp(let chunk):
            bytes = ports + chunk.tag.octets + [0, 0, 0, 0, chunk.type, 0]
            bytes += UInt16(chunk.value.count + 4).octets + chunk.value
            let sum = castagnoli(bytes)
            for index in 0..<4 { bytes[8 + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(index))) }
            return bytes
        case .echo:
            bytes = tuple.destinationKey.octets + [0, 0] + tuple.sourceKey.octets + [0, 1] + Array("fidelity".utf8)
            return checked(bytes, tuple, at: 2)
        case .raw(let bytes): return bytes
        }
    }

    /// The Internet checksum in its place; ICMP for IPv4 has no pseudo header (RFC 792, RFC 8200 section 8.1).
    private static func checked(_ bytes: [UInt8], _ tuple: Tuple, at place: Int) -> [UInt8] {
        var covered = bytes
        if tuple.protocol != .icmp {
            covered += octets(tuple.source, tuple.family) + octets(tuple.destination, tuple.family)
            covered += UInt16(bytes.count).octets + [0, tuple.protocol.rawValue]
        }
        // The pseudo header stands behind a payload of odd length, so it is summed apart.
        var sum: UInt32 = 0
        for part in [covered.prefix(bytes.count), covered.dropFirst(bytes.count)] {
            for (index, byte) in part.enumerated() { sum += UInt32(byte) << (index % 2 == 0 ? 8 : 0) }
        }
        while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
        var result = bytes
        result.replaceSubrange(place..<place + 2, with: UInt16(truncatingIfNeeded: ~sum).octets)
        return result
    }

    /// CRC32c (RFC 9260, appendix A).
    private static func castagnoli(_ bytes: [UInt8]) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82f6_3b78 : sum >> 1 }
        }
        return ~sum
    }

    private static func octets(_ address: Address, _ family: AddressFamily) -> [UInt8] {
        family == .ipv4 ? UInt32(truncatingIfNeeded: address.low).octets : address.high.octets + address.low.octets
    }
}

extension FixedWidthInteger {
    /// The bytes, the highest first.
    var octets: [UInt8] {
        (0..<Self.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: self >> Self(8 * $0)) }
    }
}
