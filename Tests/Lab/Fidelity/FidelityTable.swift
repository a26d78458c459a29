internal import Conntrack

/// Every kind of flow that must survive as it was; the page about fidelity lists the same rows.
enum FidelityTable {
    /// The rows, numbered.
    static let rows: [FidelityRow] = {
        var rows = tcp + datagrams + echoes + others + attributes + expectations
        for index in rows.indices { rows[index].number = index }
        return rows
    }()

    private typealias Row = FidelityRow

    /// The same row for each translation and family; the name tells which.
    private static func every(
        _ name: String, _ number: ProtocolNumber, _ steps: [Row.Step], late: [Row.Step] = [], serverKey: UInt16 = 80,
        ipv4: [Row.Translation] = [.none], ipv6: [Row.Translation] = [], verdict: Row.Verdict = .equal
    ) -> [Row] {
        let all = ipv4.map { (AddressFamily.ipv4, $0) } + ipv6.map { (AddressFamily.ipv6, $0) }
        return all.map { family, translation in
            Row(
                name: name, protocol: number, family: family, translation: translation, steps: steps, lateSteps: late,
                serverKey: serverKey, verdict: verdict)
        }
    }

    // MARK: Protocols

    private static let tcp: [Row] =
        every("TCP, SYN sent", .tcp, [Dialogue.syn], ipv4: [.none, .source], verdict: .liberal)
        + every("TCP, SYN received", .tcp, [Dialogue.syn, Dialogue.synAck], ipv4: [.source], ipv6: [.none])
        + every(
            "TCP, established", .tcp, Dialogue.open, ipv4: [.none, .source, .destination, .both],
            ipv6: [.none, .source, .destination, .both])
        + every("TCP, established, no window scales", .tcp, Dialogue.openUnscaled, ipv4: [.source], verdict: .liberal)
        + every("TCP, FIN wait", .tcp, Dialogue.finishing, ipv4: [.source])
        + every("TCP, close wait", .tcp, Dialogue.halfClosed, ipv4: [.source])
        + every("TCP, last ACK", .tcp, Dialogue.lastACK, ipv4: [.source])
        + every("TCP, time wait", .tcp, Dialogue.closed, ipv4: [.source])

    private static let datagrams: [Row] =
        every("UDP, unanswered", .udp, [Dialogue.question], ipv4: [.none, .source])
        + every("UDP, answered", .udp, Dialogue.stream, ipv4: [.source])
        + every(
            "UDP, stream", .udp, Dialogue.stream, late: Dialogue.stream, ipv4: [.none, .source, .destination, .both],
            ipv6: [.none, .source, .destination, .both])
        + every(
            "UDP-Lite, stream", .udplite, Dialogue.stream, late: Dialogue.stream, ipv4: [.none, .both],
            ipv6: [.none, .source])

    private static let echoes: [Row] =
        every("ICMP echo", .icmp, Dialogue.echo, serverKey: 8 << 8, ipv4: [.none, .source, .destination])
        + every("ICMPv6 echo", .icmpv6, Dialogue.echo, serverKey: 128 << 8, ipv4: [], ipv6: [.none, .source])

    private static let others: [Row] =
        every("SCTP, INIT sent", .sctp, Dialogue.association, ipv4: [.none])
        + every(
            "SCTP, established", .sctp, Dialogue.associated, ipv4: [.none, .source, .destination, .both],
            ipv6: [.none, .source])
        + every("SCTP, shutdown sent", .sctp, Dialogue.shuttingDown, ipv4: [.source])
        + [
            Row(
                name: "DCCP", protocol: .dccp, steps: [],
                verdict: .skipped("this kernel has no DCCP tracker; ports would become 0"))
        ]
        + every("GRE without a key, unanswered", .gre, [Dialogue.tunnelRequest], ipv4: [.source])
        + every("GRE without a key", .gre, Dialogue.tunnel, ipv4: [.none, .source], ipv6: [.none])
        + [
            Row(
                name: "GRE with a key (PPTP)", protocol: .gre, carries: "call ids",
                steps: [.insert(["-p", "gre", "--srckey", "23", "--dstkey", "42", "-t", "600"] + seen)],
                verdict: .cannotContinue("only the helper that saw the control connection finds keyed packets"))
        ]
        + every("any protocol (89)", ospf, Dialogue.other, ipv4: [.none, .source], ipv6: [.none])
        + every("any protocol (50)", esp, Dialogue.other, ipv4: [.destination])

    private static let ospf = ProtocolNumber(rawValue: 89)
    private static let esp = ProtocolNumber(rawValue: 50)
    private static let seen = ["-u", "SEEN_REPLY,ASSURED"]

    // MARK: Attributes

    private static let attributes: [Row] = [
        Row(
            name: "mark", protocol: .tcp, translation: .source, carries: "mark 305419896",
            forwardRule: "ct mark set 305419896", steps: Dialogue.open),
        Row(
            name: "mark, IPv6", protocol: .udp, family: .ipv6, carries: "mark 4294967295",
            forwardRule: "ct mark set 4294967295", steps: Dialogue.stream),
        Row(
            name: "labels", protocol: .tcp, carries: "labels 5 and 120",
            forwardRule: "ct label set 5 ct label set 120", steps: Dialogue.open),
        Row(
            name: "labels, source NAT", protocol: .udp, translation: .source, carries: "label 127",
            forwardRule: "ct label set 127", steps: Dialogue.stream),
        zoned("zone", .tcp, "ct zone set 7", Dialogue.open, zone: 7),
        zoned("zone, source NAT", .udp, "ct zone set 65535", Dialogue.stream, translation: .source, zone: 65_535),
        zoned("zone of the original direction", .tcp, "ct original zone set 8", Dialogue.open, zone: 8),
        zoned(
            "zone of the original direction, source NAT", .tcp, "ct original zone set 9", Dialogue.open,
            translation: .source, zone: 9),
        zoned("zone of the reply direction", .udp, "ct reply zone set 10", Dialogue.stream, zone: 0),
        Row(
            name: "equal tuples in two zones", protocol: .udp, carries: "zones 21 and 22",
            steps: ["21", "22"].map { zone in
                .insert(["-p", "udp", "--sport", "30000", "--dport", "53", "-t", "170", "-w", zone] + seen)
            }, entries: (2, 0)),
        Row(
            name: "fixed timeout", protocol: .tcp, carries: "FIXED_TIMEOUT",
            steps: [
                .insert([
                    "-p", "tcp", "--sport", "30000", "--dport", "80", "-t", "3000", "--state", "ESTABLISHED", "-u",
                    "SEEN_REPLY,ASSURED,FIXED_TIMEOUT",
                ])
            ]),
        Row(
            name: "not assured", protocol: .udp, carries: "SEEN_REPLY alone",
            steps: [.insert(["-p", "udp", "--sport", "30000", "--dport", "53", "-t", "170", "-u", "SEEN_REPLY"])]),
        synproxy,
    ]

    private static func zoned(
        _ name: String, _ number: ProtocolNumber, _ rule: String, _ steps: [Row.Step],
        translation: Row.Translation = .none, zone: UInt16
    ) -> Row {
        var row = Row(
            name: name, protocol: number, translation: translation,
            carries: rule.replacing(" set", with: "").replacing("ct ", with: ""), rawRule: rule, steps: steps)
        row.zone = zone
        return row
    }

    private static let synproxy: Row = {
        var row = Row(
            name: "SYN proxy", protocol: .tcp, carries: "proxy's sequence and timestamps", steps: [.connect],
            serverKey: 7443)
        row.hosts = ("192.168.10.10", "203.0.113.10")
        return row
    }()

    // MARK: Helpers and what they expect

    private static let expectations: [Row] = [
        Row(
            name: "helper", protocol: .tcp, carries: "helper ftp", steps: Dialogue.open, serverKey: 21),
        Row(
            name: "helper, IPv6", protocol: .tcp, family: .ipv6, carries: "helper ftp", steps: Dialogue.open,
            serverKey: 21),
        Row(
            name: "helper, UDP", protocol: .udp, carries: "helper tftp", steps: [Dialogue.question, Dialogue.answer],
            serverKey: 69),
        ftp("expectation of FTP", carries: "helper ftp, an expectation", entries: (1, 1)),
        ftp(
            "expectation of FTP, source NAT", translation: .source,
            carries: "helper ftp, sequence adjustment, an expectation with NAT", entries: (1, 1)),
        ftp(
            "expectation of FTP, IPv6", family: .ipv6, carries: "helper ftp, an expectation", entries: (1, 1)),
        ftp(
            "related flow, source NAT", translation: .source, carries: "helper ftp, sequence adjustment, a master",
            then: Dialogue.ftpData, entries: (2, 0)),
        ftp("related flow", carries: "helper ftp, a master", then: Dialogue.ftpData, entries: (2, 0)),
        Row(
            name: "expectation of TFTP, source NAT", protocol: .udp, translation: .source,
            carries: "helper tftp, an expectation with NAT", steps: [Dialogue.readRequest], serverKey: 69,
            entries: (1, 1)),
    ]

    /// A control connection that names a port; the address in it is the row's, so it comes last.
    private static func ftp(
        _ name: String, family: AddressFamily = .ipv4, translation: Row.Translation = .none, carries: String,
        then more: [Row.Step] = [], entries: (Int, Int)
    ) -> Row {
        var row = Row(
            name: name, protocol: .tcp, family: family, translation: translation, carries: carries,
            steps: [], serverKey: 21, entries: entries)
        row.dialogue = { row in
            let port =
                row.family == .ipv4
                ? "PORT \(row.client.replacing(".", with: ",")),156,64" : "EPRT |2|\(row.client)|40000|"
            return Dialogue.ftp(port) + more
        }
        return row
    }
}
