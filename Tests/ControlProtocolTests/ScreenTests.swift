import ControlProtocol
import Testing

@Suite struct ScreenTests {
    static let now = WallTime(seconds: 1_795_270_000)

    @Test func `the status of a node that is well`() {
        let expected = """
            ctsync-ha  OK  ready for a failover                                           r1
            role       MASTER  group syncgrp  for 3 d 3 h  said by notify  term 41
            takeover   2026-11-18 11:06:40 UTC  412,031 flows  0 failed  0.380 s
                       promoted by notify
            peer       r2 10.99.0.2  BACKUP  in sync  lag 2 ms  heard 120 ms ago
            digest     0123456789abcdef = 0123456789abcdef  at version 88,120,331
            caches     internal 413,180 + 3 expectations  external 0  standby cold
            kernel     413,202 of 1,048,576 entries (39 %)
            hold       open  1,234 packets held
            counters   wire_lost 3  kernel_overruns 1,200

            """
        #expect(StatusScreen.render(Sample.status, now: Self.now) == expected)
    }

    @Test func `the status of a node that is not well says why and what to do first`() {
        let expected = """
            ctsync-ha  CRITICAL  not ready for a failover                                 r1
            why        no peer was heard since the start
            do         look at the sync link: ip -br link show sync0
            why        the kernel's table is above 95 % of nf_conntrack_max, where entries
                       that no reply has assured are dropped early
            do         raise it: sysctl -w net.netfilter.nf_conntrack_max=2097152
            role       no group is followed
            peer       none heard
            caches     internal 0  external 0  standby cold
            kernel     entries unknown

            """
        #expect(StatusScreen.render(Sample.young, now: Self.now) == expected)
    }

    @Test func `a backup with several groups and a peer that is behind`() {
        var report = Sample.status
        report.verdict = .warning
        report.groups[0].role = .backup
        report.groups[0].readiness = .resyncing
        report.groups.append(.init(name: "second", role: .takingOver))
        report.peers[0].name = nil
        report.peers[0].inSync = false
        report.peers[0].roles.append(.init(group: "second", role: .master))
        report.peers[0].digest.remote = 1
        report.peers[0].unacknowledged = 12_345
        report.peers[0].lastHeardMilliseconds = 65_000
        report.lastTakeover = nil
        let expected = """
            ctsync-ha  WARNING  a failover now may lose connections                       r1
            role       BACKUP  group syncgrp  for 3 d 3 h  said by notify  term 41
                       readiness resyncing
            role       TAKING-OVER  group second  said by nobody
            peer       unnamed 10.99.0.2  syncgrp BACKUP  second MASTER  NOT in sync
                       lag 2 ms  12,345 unacknowledged  heard 1 min 5 s ago
            digest     0123456789abcdef differs from 0000000000000001  at version 88,120,331
            caches     internal 413,180 + 3 expectations  external 0  standby cold
            kernel     413,202 of 1,048,576 entries (39 %)
            hold       open  1,234 packets held
            counters   wire_lost 3  kernel_overruns 1,200

            """
        #expect(StatusScreen.render(report, now: Self.now) == expected)
    }

    @Test func `links are shown when there are several, or one is not well`() {
        func rows(_ links: [StatusReport.Link]) -> [Substring] {
            var report = Sample.status
            report.links = links
            let screen = StatusScreen.render(report, now: Self.now)
            #expect(screen.contains("10.99.0.2  over sync0") == (links.count > 1))
            return screen.split(separator: "\n").filter { $0.hasPrefix("link") }
        }
        #expect(rows([.init(name: "sync0", active: true)]).isEmpty)
        #expect(rows([.init(name: "sync0", carrier: false)]) == ["link       sync0  unicast  NO CARRIER"])
        #expect(
            rows([.init(name: "sync0", active: true, obstacle: "long ones are lost")])
                == ["link       sync0  unicast  NOT WELL  in use"])
        #expect(
            rows([
                .init(name: "sync0", active: true),
                .init(name: "sync1", mode: .multicast, there: false, carrier: false, obstacle: "it is not there"),
            ]) == ["link       sync0  unicast  in use", "link       sync1  multicast  AWAY"])
    }

    @Test func `names from elsewhere neither move the cursor nor leave the 80 columns`() {
        var report = Sample.status
        report.node = "r1\u{1b}[2J\u{202e}" + String(repeating: "n", count: 300)
        report.groups[0].name = String(repeating: "g", count: 300)
        report.peers[0].name = "\u{9b}31m\r\n" + String(repeating: "p ", count: 200)
        report.counters = (0..<40).map { NamedCount("counter_\($0)", .max) }
        let screen = StatusScreen.render(report, now: Self.now)
        #expect(!screen.unicodeScalars.contains { ($0.value < 0x20 && $0 != "\n") || $0.value == 0x9b })
        #expect(!screen.unicodeScalars.contains("\u{202e}"))
        #expect(screen.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test func `colour is for the verdict on a terminal alone`() {
        let plain = StatusScreen.render(Sample.status, now: Self.now)
        let coloured = StatusScreen.render(Sample.status, now: Self.now, palette: .terminal)
        #expect(!plain.contains("\u{1b}"))
        #expect(coloured.replacing("\u{1b}[1;32m", with: "").replacing("\u{1b}[0m", with: "") == plain)
        #expect(coloured != plain)
    }

    @Test func `statistics have the shape that VyOS documents`() {
        let expected = """
            Main Table Statistics:

            cache internal:
            current active connections:            19606
            connections created:                 6298470    failed:            0
            connections updated:                 3786793    failed:            1
            connections destroyed:               6278864    failed:            0

            cache external:
            current active connections:            15771
            connections created:                 1660193    failed: 123456789012
            connections updated:                   77204    failed:            0
            connections destroyed:               1644422    failed:            0

            traffic processed:
                               0 Bytes                         0 Pckts

            multicast traffic (active device=sync0):
                       976826240 Bytes sent            212898000 Bytes recv
                         8302333 Pckts sent              2009929 Pckts recv
                               0 Error send                    7 Error recv

            message tracking:
                               2 Malformed msgs                  263 Lost msgs

            counters:
                               2 bad_magic
                             263 wire_lost

            """
        #expect(StatisticsScreen.render(Sample.statistics) == expected)
    }

    @Test func `the table stands under the legend of state codes`() {
        let expected = """
            TCP state codes: SS - SYN SENT, SR - SYN RECEIVED, ES - ESTABLISHED,
                             FW - FIN WAIT, CW - CLOSE WAIT, LA - LAST ACK,
                             TW - TIME WAIT, CL - CLOSE, LI - LISTEN

            CONN ID    Source                Destination           Protocol         TIMEOUT
            1015736576 192.168.10.87:58172   198.51.100.12:22      tcp [6] ES       430279
            -          2001:db8::1           2001:db8::2           icmpv6 [58]      29
            9          192.0.2.1:40000       192.0.2.2:5060        udp [17]         119
            """
        let rows = [Sample.tcp, Sample.ping, Sample.child].map { FlowTable.render($0) }
        #expect(FlowTable.header + rows.joined(separator: "\n") == expected)
        #expect(expected.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test func `details tell every attribute behind its name`() {
        let expected = """
                       reply 198.51.100.12:22 203.0.113.1:40001  zone 5/0
                       status seen_reply assured confirmed source_nat sequence_adjusted
                       source_nat_done helper  mark 7  state ESTABLISHED
                       state-details scale 7/9 flags
                       window_scale,sack_permitted/window_scale  helper ftp  labels 1,3,127
                       sequence-adjustment 4000000000 -5 7 / 0 0 0  synproxy 1,2,4294967295

            """
        #expect(FlowTable.renderDetails(Sample.proxied) == expected)
        let child = """
                       reply 192.0.2.2:5060 192.0.2.1:40000  status expected
                       master tcp 192.168.10.87:58172 198.51.100.12:22

            """
        #expect(FlowTable.renderDetails(Sample.child) == child)
    }

    @Test(arguments: [
        (Sample.association, "state ESTABLISHED  state-details tags 4294967295/3"),
        (Sample.datagrams, "state OPEN  state-details server sequence 281474976710655"),
        (Sample.ping, "reply 2001:db8::2 2001:db8::1 id 77 type 129 code 0  zone 5"),
    ])
    func `details of other protocols`(line: FlowLine, part: String) {
        let text = FlowTable.renderDetails(line)
        let flat = text.split(separator: "\n").map { $0.dropFirst(11) }.joined(separator: "  ")
        #expect(flat.contains(part), "\(text)")
    }

    @Test func `expectations stand in a table, with what they leave open as a star`() {
        let expected = """
            Source                Destination           Protocol         Helper     TIMEOUT
            198.51.100.12:*       192.168.10.87:50000   tcp [6]          ftp        299
                       master tcp 192.168.10.87:58172 198.51.100.12:22
                       mask 255.255.255.255:0  flags permanent  policy 0
                       translation reply 203.0.113.1:50001  function nat-follow-master
            *:0                   [2001:db8::2]:5060    udp [17]         -          0
                       master icmpv6 2001:db8::1 2001:db8::2 id 77 type 128 code 0
                       mask [::]:65535  zone 5  policy 0

            """
        let rows = [Sample.expected, Sample.bareExpected].map {
            ExpectationTable.render($0) + "\n" + ExpectationTable.renderDetails($0)
        }
        #expect(ExpectationTable.header + rows.joined() == expected)
        #expect(expected.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_000_000, "2026-11-18T11:06:40.000Z"), (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"), (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] as [(UInt64, String)])
    func `times are those of RFC 3339`(seconds: UInt64, text: String) {
        #expect(WallTime(seconds: seconds).rfc3339 == text)
    }
}
