import Configuration
import Testing

@Suite struct ProblemTests {
    /// The third line of a file, and the errors that it makes, without the file's name.
    @Test(arguments: [
        ("interfce eth1", ["3:1: error: unknown word `interfce` at the top; did you mean `interface`?"]),
        ("  prot 3780", ["3:3: error: unknown word `prot` at the top; remove it"]),
        ("port 3780", ["3:1: error: unknown word `port` at the top; it belongs in `interface`"]),
        ("sync-group g", ["3:1: error: unknown word `sync-group` at the top; it belongs in `vrrp`"]),
        ("Standby cold", ["3:1: error: unknown word `Standby` at the top; did you mean `standby`?"]),
        (
            "interface sync0 { pear 10.99.0.2 }",
            ["3:19: error: unknown word `pear` in `interface`; did you mean `peer`?"]
        ),
        (
            "interface sync0 { mtu 9000 }",
            [
                "3:19: error: unknown word `mtu` in `interface`; known here: peer ADDRESS, port 3780, "
                    + "listen-address ADDRESS"
            ]
        ),
        ("interface", ["3:1: error: `interface` needs one name; write `interface NAME { … }`"]),
        (
            "interface a/b",
            ["3:11: error: `a/b` is no interface name; write a name as `ip link` shows it, at most 15 bytes"]
        ),
        (
            "interface sync0 { peer fw2 }",
            ["3:24: error: `fw2` is no address; write an IPv4 or IPv6 address"]
        ),
        (
            "interface sync0 { peer 225.0.0.1 }",
            [
                "3:24: error: 225.0.0.1 is a multicast address; "
                    + "write the peer's own address, or `mcast-group` without a peer"
            ]
        ),
        ("interface sync0 { port 0 }", ["3:24: error: `0` is no port; write a number from 1 to 65535"]),
        ("interface sync0 { port +1 }", ["3:24: error: `+1` is no port; write a number from 1 to 65535"]),
        (
            "interface sync0 { port 1; port 2 }",
            ["3:27: error: `port` was said already at /r1.conf:3:19; remove one"]
        ),
        ("interface sync0 { port 1 2 }", ["3:26: error: `port` takes one value; write `port 3780`"]),
        ("interface sync0 { port }", ["3:19: error: `port` has no value; write `port 3780`"]),
        (
            "interface sync0 { peer 2001:db8::2 }; listen-address 10.99.0.1",
            [
                "3:54: error: 10.99.0.1 and the peer 2001:db8::2 are of different families; "
                    + "use IPv4 for both, or IPv6 for both"
            ]
        ),
        (
            "listen-address 2001:db8::1",
            [
                "3:16: error: 2001:db8::1 and the mcast-group 225.0.0.50 are of different families; "
                    + "write an mcast-group of the same family"
            ]
        ),
        (
            "interface sync0 { peer 10.99.0.1 }; listen-address 10.99.0.1",
            ["3:24: error: 10.99.0.1 is this node's own listen-address; write the peer's address"]
        ),
        (
            "listen-address 10.99.0.1; listen-address 10.99.0.3",
            ["3:42: error: a second listen-address beside 10.99.0.1; one for each interface: remove one"]
        ),
        (
            "mcast-group 10.99.0.1",
            ["3:13: error: 10.99.0.1 is no multicast address; write one of 224.0.0.0/4 or ff00::/8"]
        ),
        ("accept-protocol tpc", ["3:17: error: unknown protocol `tpc`; did you mean `tcp`?"]),
        (
            "accept-protocol tcp,quic,256",
            [
                "3:21: error: unknown protocol `quic`; write a name of /etc/protocols, a number from 0 to 255, or all",
                "3:26: error: unknown protocol `256`; write a name of /etc/protocols, a number from 0 to 255, or all",
            ]
        ),
        (
            "accept-protocol \"tcp,quic\"",
            ["3:22: error: unknown protocol `quic`; write a name of /etc/protocols, a number from 0 to 255, or all"]
        ),
        (
            "expect-sync ftp; expect-sync none",
            ["3:30: error: `expect-sync` says none and names helpers too; write none alone, or leave it out"]
        ),
        (
            "expect-sync none,all",
            ["3:13: error: `expect-sync` says none and names helpers too; write none alone, or leave it out"]
        ),
        (
            "expect-sync abcdefghijklmnop",
            [
                "3:13: error: `abcdefghijklmnop` is no helper's name; "
                    + "write at most 15 printable letters, all or none"
            ]
        ),
        ("expect-sync", ["3:1: error: `expect-sync` has no value; write `expect-sync all|none|ftp,sip,tftp`"]),
        (
            "leave-out label,reply",
            [
                "3:11: error: `label` is no attribute that can be left out; did you mean `labels`?",
                "3:17: error: `reply` is no attribute that can be left out; write one of: zone status timeout mark "
                    + "master state-details helper labels sequence-adjustment synproxy",
            ]
        ),
        (
            "ignore-address 10.99.0.0/33",
            [
                "3:16: error: `10.99.0.0/33` is no address and no prefix; "
                    + "write an IPv4 or IPv6 address, or ADDRESS/LENGTH"
            ]
        ),
        ("sync-queue-size 8MB", ["3:17: error: `8MB` is no buffer size; write 64KiB to 1GiB; a bare number is MiB"]),
        ("sync-queue-size 0", ["3:17: error: `0` is no buffer size; write 64KiB to 1GiB; a bare number is MiB"]),
        (
            "event-listen-queue-size 99999999999999999999",
            [
                "3:25: error: `99999999999999999999` is no buffer size; write 64KiB to 1GiB; a bare number is MiB"
            ]
        ),
        ("purge-timeout 0", ["3:15: error: `0` is out of bounds; write 1 to 2147483647 seconds"]),
        (
            "purge-timeout soon",
            ["3:15: error: `soon` is no span of time; write seconds, or a number with ms, s, m or h"]
        ),
        ("hold-limit 2", ["3:12: error: `2` is no span of time; write a number with ms, s, m or h"]),
        ("hold maybe", ["3:6: error: `maybe` is neither on nor off; write on or off"]),
        ("standby warm", ["3:9: error: unknown value `warm`; write one of: hot cold"]),
        ("commit-tolerance 1", ["3:18: error: `1` is no share; write 0% to 100%, as in 0.5%"]),
        ("commit-tolerance 100.1%", ["3:18: error: `100.1%` is no share; write 0% to 100%, as in 0.5%"]),
        (
            "key-file etc/key",
            [
                "3:10: error: `etc/key` is no absolute path and no credential; "
                    + "begin it with /, or write the bare name of a systemd credential"
            ]
        ),
        ("key-file /k\nkey-file /k", ["4:10: error: `/k` was named already; remove one"]),
        ("sealing on", ["3:9: error: unknown value `on`; write one of: off accept require"]),
        (
            "sealing accept",
            [
                "3:9: error: nothing can be sealed without a key; "
                    + "make one with `ctsync-ha key new PATH`, and write `key-file PATH`"
            ]
        ),
        ("control-socket run.sock", ["3:16: error: `run.sock` is no absolute path; begin it with /"]),
        (
            "node-name 'r 1'",
            ["3:12: error: `r 1` is no name; write letters, digits, `.`, `_` and `-`, at most 63 of them"]
        ),
        ("vrrp { sync-group other }", ["3:19: error: a second group to follow; one for now: several come later"]),
        (
            "vrrp syncgrp",
            ["3:6: error: `vrrp` needs a block; write `vrrp { sync-group NAME }`"]
        ),
        ("vrrp { }", ["3:1: error: `vrrp` names no group; write `sync-group NAME`"]),
        ("disable-syslog yes", ["3:16: error: `disable-syslog` takes no value; write `disable-syslog`"]),
        ("group { zone 1 }", ["3:1: error: `group` needs a name and a block; write `group NAME { … }`"]),
        ("group g { zone 65536 }", ["3:16: error: `65536` is no zone; write a number from 0 to 65535"]),
        (
            "group g { mark 1/2/3 }",
            ["3:16: error: `1/2/3` is no mark; write VALUE or VALUE/MASK, as in 0x10/0xf0"]
        ),
        (
            "metrics { listen ::1:80 }",
            [
                "3:18: error: `::1:80` is no address and port; write ADDRESS:PORT, or [ADDRESS]:PORT with IPv6"
            ]
        ),
    ])
    func `an error names its place, what is wrong and what to do`(line: String, expected: [String]) {
        // A line that names the interface itself stands for the one of the least file.
        let interface = line.hasPrefix("interface sync0") ? "" : "interface sync0"
        let reading = read("\(interface)\nvrrp { sync-group syncgrp }\n" + line + "\n")
        #expect(reading.errors.map(\.description) == expected.map { "/r1.conf:" + $0 })
        #expect(reading.configuration == nil)
    }

    @Test func `all errors are told at once, in the order of the files`() {
        let reading = read(
            "hold maybe\ninterfce sync0\nlisten-address x\n", beside: ["/conf.d/a.conf": "standby warm"])
        #expect(
            reading.errors.map { "\($0.position)" }
                == ["/r1.conf:1:1", "/r1.conf:1:6", "/r1.conf:2:1", "/r1.conf:3:16", "/conf.d/a.conf:1:9"])
    }

    @Test func `an agent without an interface or a group to follow is told so`() {
        let reading = read("# nothing\n")
        #expect(
            reading.problems.map(\.description) == [
                "/r1.conf:1:1: warning: no sync group is followed: the role is backup until `ctsync-ha role` is called"
                    + "; write `failover-mechanism { vrrp { sync-group NAME } }`",
                "/r1.conf:1:1: error: no interface to replicate over; write `interface NAME`",
            ])
    }

    @Test func `a host name that is no node name asks for one`() {
        let loader = MemoryLoader(files: ["/r1.conf": least])
        let reading = AgentConfiguration.read(path: "/r1.conf", hostName: "", loader: loader)
        #expect(reading.errors.map(\.remedy) == ["write `node-name NAME`"])
        let named = MemoryLoader(files: ["/r1.conf": least + "node-name r1"])
        #expect(AgentConfiguration.read(path: "/r1.conf", hostName: "", loader: named).errors == [])
    }

    @Test func `problems have a limit`() {
        let reading = read(String(repeating: "nonsense\n", count: 500))
        #expect(reading.problems.count == ConfigurationLimit.problems)
        #expect(reading.configuration == nil)
    }
}
