/// The steps of protocols whose tracker must see the packets.
enum Dialogue {
    typealias Step = FidelityRow.Step
    typealias Segment = Packet.Segment

    private static let client: UInt32 = 1_000
    private static let server: UInt32 = 5_000

    // MARK: TCP

    static let syn = Step.client(.tcp(Segment(flags: .synchronize, sequence: client, scale: 7)))
    static let synAck = Step.server(
        .tcp(Segment(flags: [.synchronize, .acknowledge], sequence: server, acknowledgement: client + 1, scale: 9)))
    static let plainSynAck = Step.server(
        .tcp(Segment(flags: [.synchronize, .acknowledge], sequence: server, acknowledgement: client + 1)))
    static let ack = Step.client(fromClient([]))

    /// A connection that is open, with window scales 7 and 9.
    static let open: [Step] = [syn, synAck, ack]

    /// A connection whose server knows nothing of window scales.
    static let openUnscaled: [Step] = [syn, plainSynAck, ack]

    /// The client closes its side.
    static let finishing = open + [.client(fromClient([], finishes: true))]
    /// The server has taken that in.
    static let halfClosed = finishing + [.server(fromServer(acknowledges: 2))]
    /// The server closes its side too.
    static let lastACK = halfClosed + [.server(fromServer(acknowledges: 2, finishes: true))]
    static let closed =
        lastACK + [.client(.tcp(Segment(flags: .acknowledge, sequence: client + 2, acknowledgement: server + 2)))]

    private static func fromClient(_ payload: [UInt8], after count: UInt32 = 0, finishes: Bool = false) -> Packet.Body {
        var flags: Segment.Flags = .acknowledge
        if !payload.isEmpty { flags.insert(.push) }
        if finishes { flags.insert(.finish) }
        return .tcp(
            Segment(flags: flags, sequence: client + 1 + count, acknowledgement: server + 1, payload: payload))
    }

    private static func fromServer(acknowledges count: UInt32, finishes: Bool = false) -> Packet.Body {
        .tcp(
            Segment(
                flags: finishes ? [.acknowledge, .finish] : .acknowledge, sequence: server + 1,
                acknowledgement: client + count))
    }

    /// An FTP client logs in and names the address where it waits for the data (RFC 959, RFC 2428).
    static func ftp(_ port: String) -> [Step] {
        let login = Array("USER lab\r\n".utf8)
        return open + [
            .client(fromClient(login)), .server(fromServer(acknowledges: 1 + UInt32(login.count))),
            .client(fromClient(Array("\(port)\r\n".utf8), after: UInt32(login.count))),
        ]
    }

    /// The server's data connection, opened as the helper expects it.
    static let ftpData: [Step] = [
        .expected(.tcp(Segment(flags: .synchronize, sequence: server, scale: 9))),
        .expectedReply(
            .tcp(
                Segment(flags: [.synchronize, .acknowledge], sequence: client, acknowledgement: server + 1, scale: 7))
        ),
        .expected(.tcp(Segment(flags: .acknowledge, sequence: server + 1, acknowledgement: client + 1))),
    ]

    // MARK: Datagrams and echoes

    static let question = Step.client(.datagram(Array("question".utf8)))
    static let answer = Step.server(.datagram(Array("answer".utf8)))
    static let stream: [Step] = [question, answer]
    /// A read request of TFTP (RFC 1350).
    static let readRequest = Step.client(.datagram([0, 1] + Array("file".utf8) + [0] + Array("octet".utf8) + [0]))
    static let echo: [Step] = [.client(.echo), .server(.echo)]

    // MARK: SCTP

    private static let clientTag: UInt32 = 0x0a0b_0c0d
    private static let serverTag: UInt32 = 0x1a2b_3c4d
    private static let cookie: [UInt8] = [1, 2, 3, 4]

    /// INIT and INIT ACK: the tag, the window, one stream each way, the first TSN.
    private static func initiation(_ tag: UInt32) -> [UInt8] {
        tag.octets + UInt32(65_536).octets + [0, 1, 0, 1] + UInt32(1).octets
    }

    /// Up to the INIT.
    static let association: [Step] = [.client(.sctp(.init(tag: 0, type: 1, value: initiation(clientTag))))]
    /// An association that is up.
    static let associated =
        association + [
            .server(.sctp(.init(tag: clientTag, type: 2, value: initiation(serverTag) + [0, 7, 0, 8] + cookie))),
            .client(.sctp(.init(tag: serverTag, type: 10, value: cookie))),
            .server(.sctp(.init(tag: clientTag, type: 11))),
        ]
    /// The client asks to end it.
    static let shuttingDown = associated + [.client(.sctp(.init(tag: serverTag, type: 7, value: UInt32(1).octets)))]

    // MARK: Other protocols

    /// A GRE header without a key and with a payload of IPv4 (RFC 2784).
    private static let tunnelled = Packet.Body.raw([0, 0, 8, 0, 1, 2, 3, 4])
    static let tunnelRequest = Step.client(tunnelled)
    /// The packet after the first answer makes a stream of it.
    static let tunnel: [Step] = [tunnelRequest, .server(tunnelled), .client(tunnelled)]
    static let other: [Step] = [.client(.raw(Array("anything".utf8))), .server(.raw(Array("anything".utf8)))]
}
