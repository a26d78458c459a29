internal import LabSupport

/// Requests for new flows, ready in one buffer: only host numbers and ports change from batch to batch.
///
/// The flows are those of `FlowGenerator`, so that all writers of a benchmark fill the same places of the table.
struct FlowRequests {
    /// Requests a send: with 64 inserts are fastest (measured on Linux 6.18).
    static let limit = 64

    /// The requests one behind the other, of equal size.
    private(set) var bytes: [UInt8]
    /// Bytes of one request.
    let size: Int

    /// Where in a request the client's number stands, which is the last byte of its address and its server's.
    private let clientPlaces: [Int]
    /// Where in a request the first of the two bytes of the client's port stands.
    private let portPlaces: [Int]

    /// Makes requests for flows of a kind.
    init(_ kind: FlowKind) {
        let request = Self.request(kind, client: 0, port: 0)
        let others = (Self.request(kind, client: 1, port: 0), Self.request(kind, client: 0, port: 0x0100))
        clientPlaces = request.indices.filter { request[$0] != others.0[$0] }
        portPlaces = request.indices.filter { request[$0] != others.1[$0] }
        size = request.count
        bytes = Array(repeating: request, count: Self.limit).flatMap(\.self)
    }

    /// Fills in which flows are asked for: at most `limit` of `FlowGenerator`'s.
    mutating func name(_ flows: Range<Int>) {
        var start = 0
        for flow in flows {
            let (client, port) = FlowGenerator.place(of: flow)
            for place in clientPlaces { bytes[start + place] = UInt8(truncatingIfNeeded: client) }
            for place in portPlaces {
                bytes[start + place] = UInt8(port >> 8)
                bytes[start + place + 1] = UInt8(truncatingIfNeeded: port)
            }
            start += size
        }
    }

    // MARK: One request (nfnetlink_conntrack.h), with what a takeover needs and no more

    private static func request(_ kind: FlowKind, client: UInt8, port: UInt16) -> [UInt8] {
        let inside = kind == .tcp6
        let clientAddress = address([0xc0, 0xa8, 0x0a], client, inside)
        let serverAddress = address([0xc6, 0x33, 0x64], client, inside)
        let ownAddress = address([0xcb, 0x00, 0x71], 1, inside)
        var attributes = tuple(1, clientAddress, port, serverAddress, 443)
        attributes += tuple(2, serverAddress, 443, clientAddress, port)
        // CTA_STATUS: both directions seen, assured, confirmed. CTA_TIMEOUT.
        attributes += AttributeBytes.number(3, UInt32(0x0e)) + AttributeBytes.number(7, UInt32(3_600))
        if kind == .snat {
            let ports = AttributeBytes.nested(3, [AttributeBytes.number(1, port), AttributeBytes.number(2, port)])
            attributes += AttributeBytes.nested(
                6, [AttributeBytes.plain(1, ownAddress), AttributeBytes.plain(2, ownAddress), ports])
        }
        // CTA_PROTOINFO: established, window scales, liberal in both directions.
        let tcp = AttributeBytes.nested(
            1,
            [
                AttributeBytes.number(1, UInt8(3)), AttributeBytes.number(2, UInt8(7)),
                AttributeBytes.number(3, UInt8(8)), AttributeBytes.number(4, UInt16(0x0b0b)),
                AttributeBytes.number(5, UInt16(0x0b0b)),
            ])
        attributes += AttributeBytes.nested(4, [tcp])
        return header(payload: attributes.count, family: inside ? 10 : 2) + attributes
    }

    /// NEW of the subsystem of flows, with REQUEST, CREATE and EXCL, and without ACK.
    private static func header(payload: Int, family: UInt8) -> [UInt8] {
        let size = UInt32(payload + 20)
        let flags: UInt16 = 0x0601
        return native(size) + [0, 1] + native(flags) + native(UInt32(0)) + native(UInt32(0)) + [family, 0, 0, 0]
    }

    private static func native(_ number: some FixedWidthInteger) -> [UInt8] {
        (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    /// An address of a network and a host's number, as `FlowGenerator` makes them.
    private static func address(_ network: [UInt8], _ host: UInt8, _ inside: Bool) -> [UInt8] {
        inside ? [0x20, 0x01, 0x0d, 0xb8] + network + Array(repeating: 0, count: 8) + [host] : network + [host]
    }

    private static func tuple(
        _ kind: UInt16, _ source: [UInt8], _ sourcePort: UInt16, _ destination: [UInt8], _ destinationPort: UInt16
    ) -> [UInt8] {
        let first: UInt16 = source.count == 4 ? 1 : 3
        return AttributeBytes.nested(
            kind,
            [
                AttributeBytes.nested(
                    1, [AttributeBytes.plain(first, source), AttributeBytes.plain(first + 1, destination)]),
                AttributeBytes.nested(
                    2,
                    [
                        AttributeBytes.number(1, UInt8(6)), AttributeBytes.number(2, sourcePort),
                        AttributeBytes.number(3, destinationPort),
                    ]),
            ])
    }
}
