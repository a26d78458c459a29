@testable import Configuration

/// The readers of configurations, one file each and no other file beside it.
enum ConfigurationTarget {
    /// A disk with one file.
    private struct OneFile: ConfigurationLoader {
        static let path = "/r1.conf"
        let bytes: [UInt8]

        func files(
            matching pattern: String, includedFrom includer: String?
        ) throws(ConfigurationLoadError) -> [ConfigurationFile] {
            if pattern.contains("*") { return [] }
            guard pattern == Self.path else { throw .notFound }
            return [ConfigurationFile(path: Self.path, bytes: bytes)]
        }
    }

    static func takeConfiguration(_ bytes: [UInt8]) throws(FuzzFailure) {
        let names = ProtocolNames(protocolsFile: "ip 0 IP\nospf 89 OSPFIGP\n")
        let reading = AgentConfiguration.read(
            path: OneFile.path, hostName: "r1", protocols: names, loader: OneFile(bytes: bytes))
        try hold(reading.problems.count <= ConfigurationLimit.problems, "\(reading.problems.count) problems")
        try hold((reading.configuration == nil) == !reading.errors.isEmpty, "\(reading)")
        try check(reading.problems, bytes)
    }

    static func takeKeepalived(_ bytes: [UInt8]) throws(FuzzFailure) {
        let file = KeepalivedFile.read(path: OneFile.path, loader: OneFile(bytes: bytes))
        try check(file.problems, bytes)
        for group in file.syncGroups {
            try hold(file.virtualAddresses(ofGroup: group.name) != nil, "\(group.name) is there and is not")
        }
        let text = "interface sync0; vrrp { sync-group syncgrp }\n"
        let reading = AgentConfiguration.read(
            path: OneFile.path, hostName: "r1", loader: OneFile(bytes: Array(text.utf8)))
        guard let configuration = reading.configuration else { return }
        try check(file.mismatches(with: configuration, at: FilePosition(OneFile.path, 1, 1)), bytes)
    }

    /// Every problem names a place that there is, and can be printed on one line.
    private static func check(_ problems: [ConfigurationProblem], _ bytes: [UInt8]) throws(FuzzFailure) {
        let lines = bytes.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        for problem in problems {
            try hold((1...lines).contains(problem.position.line), "\(problem) in \(lines) lines")
            try hold((1...bytes.count + 1).contains(problem.position.column), "\(problem) beyond the file")
            try hold(!problem.description.contains("\n"), "\(problem) has several lines")
        }
    }

    /// Every word of the vocabulary.
    static var words: [String] {
        RootWord.allCases.map(\.rawValue) + InterfaceWord.allCases.map(\.rawValue)
            + FailoverWord.allCases.map(\.rawValue) + VRRPWord.allCases.map(\.rawValue)
            + ClusterWord.allCases.map(\.rawValue) + KeepalivedWord.allCases.map(\.rawValue)
            + GroupWord.allCases.map(\.rawValue) + MetricsWord.allCases.map(\.rawValue)
            + ExpectationWord.allCases.map(\.rawValue)
    }

    /// Words of keepalived.conf that are of interest.
    static let keepalivedWords = [
        "global_defs", "script_user", "vrrp_sync_group", "group", "vrrp_instance", "interface", "virtual_ipaddress",
        "virtual_ipaddress_excluded", "include",
    ]

    static var configurationSeeds: [[UInt8]] {
        RootWord.allCases.map { Array($0.usage.utf8) }
            + [
                """
                node-name r1
                interface sync0 { # a cable
                    peer 10.99.0.2; port 3780
                }
                listen-address 10.99.0.1
                failover-mechanism { vrrp { sync-group syncgrp } }
                ignore-address 10.99.0.0/24 /* and */ ignore-address 2001:db8::/32
                purge-timeout 60
                """,
                """
                accept-protocol tcp,udp,icmp,89
                event-listen-queue-size 8
                expect-sync all
                cluster { group "vg 1" }
                interface 'sync0'
                {
                }
                mcast-group 225.0.0.50
                sync-queue-size 64KiB
                disable-external-cache
                startup-resync
                """,
                """
                standby hot; hold off; hold-limit 2s; orphan-timeout 10m; commit-tolerance 0.25%
                control-socket /run/a; state-directory "/var/lib/a b\\"c"
                virtual-address 192.168.10.1/24; virtual-address 2001:db8:10::1
                keepalived { config /etc/keepalived/keepalived.conf; notify-fifo /run/f; track-file /run/t
                    commit-on group }
                group lan { virtual-address 192.168.10.1; prefix 192.168.10.0/24; zone 5; mark 0x1/0xff; interface l0 }
                metrics { listen 127.0.0.1:9100 }
                include other.conf
                vrrp { sync-group g } interface s
                """,
            ].map { Array($0.utf8) }
    }

    static var keepalivedSeeds: [[UInt8]] {
        [
            """
            ! a comment
            global_defs {
                router_id r1   # another
                script_user keepalived_script
            }
            vrrp_sync_group syncgrp {
                group {
                    lan
                    wan
                }
                notify "/usr/sbin/ctsync-ha notify"
            }
            vrrp_instance lan
            {
                interface lan0
                virtual_ipaddress {
                    192.168.10.1/24 dev lan0 label lan0:1
                }
                virtual_ipaddress_excluded { 2001:db8:10::1/64 }
            }
            vrrp_instance wan { virtual_ipaddress { $VIP } }
            include more.conf
            """
        ].map { Array($0.utf8) }
    }
}
