import Conntrack
import ControlProtocol

@testable import Agent

/// What can be wrong, one thing a row.
enum Rows {
    typealias Row = PreflightJudgeTests.Row

    static let master: [Row] = links + roles + flows + kernels + tables + settings

    static let links: [Row] = [
        Row("no interface", .link, .notSafe, "does not exist", "r1: ip -s link show dev sync0") {
            $0.links[0].isThere = false
            $0.links[0].obstacle = "interface sync0 does not exist: waiting for it"
        },
        Row("no carrier", .link, .notSafe, "sync0 has no carrier", "r1: ip -s link show dev sync0") {
            $0.links[0].hasCarrier = false
        },
        Row("no peer", .peer, .notSafe, "no peer has been heard on sync0", "r1: ip -s link show dev sync0") {
            $0.peer = nil
        },
        Row("a peer that ended", .peer, .notSafe, "the agent of r2 has ended", "r2: systemctl start ctsync-ha") {
            $0.peer?.hasLeft = true
            $0.peer?.silentFor = 4
        },
        Row("a silent peer", .peer, .notSafe, "r2 is silent for 7 s", "r2: systemctl status ctsync-ha") {
            $0.peer?.silentFor = 7
        },
        Row("another wire version alone", .versions, .notSafe, "another wire version", "r1: ctsync-ha --version") {
            $0.peer = nil
            $0.foreignVersions = 3
        },
        Row("no common version", .versions, .notSafe, "versions 2 to 3, this node 1", "r1: ctsync-ha --version") {
            $0.peer?.versions = (2, 3)
        },
        Row("a newer peer", .versions, .safe, "1 to 2, this node 1: they use", "r1: ctsync-ha --version") {
            $0.peer?.versions = (1, 2)
        },
        Row("an older peer", .versions, .safe, "versions 1, this node 1 to 2", "r2: ctsync-ha --version") {
            $0.wireVersions = (1, 2)
        },
        Row("loss on the way here", .loss, .doubtful, "3.1 % of the datagrams from r2 to r1", "r1: ip -s link") {
            $0.peer?.lossPerMille = 31
        },
        Row("loss on the way there", .loss, .doubtful, "10.0 % of the datagrams from r1 to r2", "r2: ip -s link") {
            $0.peer?.node.facts?.lossPerMille = 100
        },
    ]

    static let roles: [Row] = [
        Row("two masters", .roles, .notSafe, "two masters", "r1: tcpdump -ni any proto 112") {
            $0.peer?.node.role = .master
        },
        Row("two masters, by the machine's word", .roles, .notSafe, "two masters", "r1: tcpdump") {
            $0.hasTwoMasters = true
        },
        Row("no master", .roles, .notSafe, "neither r1 nor r2 is master", "r1: systemctl status keepalived") {
            $0.here.role = .backup
        },
        Row("a peer in fault", .roles, .notSafe, "r2 is in fault", "r2: journalctl -u keepalived") {
            $0.peer?.node.role = .fault
        },
        Row("a peer that starts", .roles, .doubtful, "r2 is starting", "r2: ctsync-ha status") {
            $0.peer?.node.role = .starting
        },
        Row("a takeover", .roles, .doubtful, "r1 is taking over", "r1: ctsync-ha status") {
            $0.here.role = .takingOver
        },
        Row("no manager", .roles, .doubtful, "no manager has told r1", "r1: journalctl -u keepalived") {
            $0.roleIsKnown = false
        },
    ]

    static let flows: [Row] = [
        Row("a backup that is not in sync", .sync, .notSafe, "r2 does not hold all", "r2: ctsync-ha resync peer") {
            $0.peer?.saysInSync = false
        },
        Row("an unsynced master", .sync, .doubtful, "r1 became master without", "r1: ctsync-ha status") {
            $0.announcesInSync = false
        },
        Row("a backup behind", .lag, .doubtful, "r2 is 5000 changes behind r1", "r2: ctsync-ha statistics") {
            $0.peer?.unacknowledged = 5_000
        },
        Row("a backup far behind", .lag, .notSafe, "r2 is 200000 changes behind", "r2: ctsync-ha statistics") {
            $0.peer?.unacknowledged = 200_000
        },
        Row("digests that differ", .digest, .notSafe, "their digests differ", "r2: ctsync-ha resync peer") {
            $0.peer?.digestsAreEqual = false
        },
        Row("calls of PPTP", .flows, .safe, "2 PPTP calls", "r1: ctsync-ha table") { $0.boundFlows = 2 },
    ]

    static let kernels: [Row] = [
        Row("no facts", .facts, .doubtful, "r2 has not told", "r2: ctsync-ha --version") {
            $0.peer?.node.facts = nil
        },
        Row("old facts", .facts, .doubtful, "r2 has not told what its kernel is like for 31 s", "r2: systemctl") {
            $0.peer?.factsAge = 31
        },
        Row("no ruleset there", .tracking, .notSafe, "enables conntrack on r2", "r2: nft -f /etc/nftables.conf") {
            $0.peer?.node.facts?.tracksPackets = false
        },
        Row("no ruleset here", .tracking, .doubtful, "enables conntrack on r1", "r1: nft -f /etc/nftables.conf") {
            $0.here.facts?.tracksPackets = false
        },
        Row("a helper that is not there", .helpers, .doubtful, "of r2: sip", "r2: modprobe -a nf_conntrack_sip") {
            $0.peer?.node.facts?.helpers.removeLast()
        },
        Row("a helper of userspace", .helpers, .doubtful, "of r2: rpc", "r2: modprobe -a rpc") {
            $0.here.facts?.helpers = [KernelName("rpc") ?? .none]
        },
        Row("zones on the master alone", .zones, .notSafe, "those of r2 do not", "r2: nft list ruleset") {
            $0.here.facts?.setsZones = true
        },
        Row("zones on the backup alone", .zones, .doubtful, "those of r1 do not", "r1: nft list ruleset") {
            $0.peer?.node.facts?.setsZones = true
        },
        Row("no labels there", .labels, .doubtful, "none of r2 does", "r2: nft list ruleset") {
            $0.here.facts?.setsLabels = true
        },
    ]

    static let tables: [Row] = [
        Row("a table nearly full", .table, .doubtful, "would hold 240000 flows of 262144", "nf_conntrack_max=524288") {
            $0.peer?.node.facts?.entries = 140_000
        },
        Row("a table too small", .table, .notSafe, "r2 would hold 300000 flows", "r2: sysctl -w net.netfilter") {
            $0.peer?.node.facts?.entries = 200_000
        },
        Row("long chains", .chains, .doubtful, "r2 would have 25 entries", "nf_conntrack_buckets=131072") {
            $0.peer?.node.facts?.buckets = 8_000
            $0.here.facts?.buckets = 8_000
        },
        Row(
            "chains too long", .chains, .notSafe, "refuses flows from 50 on",
            "r2: sysctl -w net.netfilter.nf_conntrack_buckets="
        ) {
            $0.peer?.node.facts?.buckets = 4_000
        },
        Row("a commit that outlasts the hold", .commit, .doubtful, "takes it some 3 s", "r2: sed -i 's/standby") {
            $0.internalFlows = 450_000
            for change in [\NodeFacts.limit, \.buckets] {
                $0.here.facts?[keyPath: change] = 1_048_576
                $0.peer?.node.facts?[keyPath: change] = 1_048_576
            }
        },
    ]

    static let settings: [Row] = [
        Row("no events", .events, .notSafe, "is 0 on r1", "r1: sysctl -w net.netfilter.nf_conntrack_events=1") {
            $0.here.facts?.events = .never
        },
        Row("no events there", .events, .doubtful, "is 0 on r2", "r2: sysctl -w net.netfilter.nf_conntrack_events=1") {
            $0.peer?.node.facts?.events = .never
        },
        Row("automatic events", .events, .doubtful, "is 2 on r1", "r1: sysctl -w") {
            $0.here.facts?.events = .automatic
        },
        Row("loose", .sysctls, .doubtful, "tcp_loose is 0 on r1 and 1 on r2", "r2: sysctl -w net.netfilter.nf_conntr") {
            $0.peer?.node.facts?.isLoose = true
        },
        Row("liberal", .sysctls, .doubtful, "tcp_be_liberal is 1 on r1 and 0 on r2", "nf_conntrack_tcp_be_liberal=1") {
            $0.here.facts?.isLiberal = true
        },
        Row("checksums", .sysctls, .doubtful, "checksum is 1 on r1 and 0 on r2", "nf_conntrack_checksum=1") {
            $0.peer?.node.facts?.verifiesChecksums = false
        },
        Row("a smaller limit", .sysctls, .doubtful, "max is 262144 on r1 and 200000 on r2", "nf_conntrack_max=262144") {
            $0.peer?.node.facts?.limit = 200_000
        },
        Row("fewer buckets", .sysctls, .doubtful, "buckets is 262144 on r1 and 131072", "nf_conntrack_buckets=262144") {
            $0.peer?.node.facts?.buckets = 131_072
        },
        Row(
            "a timeout", .timeouts, .doubtful, "tcp_timeout_established is 432000 s on r1 and 60 s on r2",
            "r2: sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=432000"
        ) {
            $0.peer?.node.facts?.timeouts[Int(TimeoutSetting.tcpEstablished.rawValue)] = 60
        },
        Row(
            "two timeouts", .timeouts, .doubtful, "; one more timeout differs",
            "net.netfilter.nf_conntrack_udp_timeout=30 net.netfilter.nf_conntrack_generic_timeout=600"
        ) {
            $0.peer?.node.facts?.timeouts[Int(TimeoutSetting.udp.rawValue)] = 31
            $0.peer?.node.facts?.timeouts[Int(TimeoutSetting.generic.rawValue)] = 601
        },
    ]

    /// What looks otherwise from the other side.
    static let backup: [Row] = [
        Row("a master that is silent", .peer, .notSafe, "r1 is silent for 7 s", "r1: systemctl status ctsync-ha") {
            $0.peer?.silentFor = 7
        },
        Row("not all flows here", .sync, .notSafe, "r2 does not hold all flows of r1", "r2: ctsync-ha resync peer") {
            $0.peer?.isFollowed = false
        },
        Row("an unsynced master", .sync, .doubtful, "r1 became master without", "r1: ctsync-ha status") {
            $0.peer?.saysInSync = false
        },
        Row("this node is behind", .lag, .doubtful, "r2 is 5000 changes behind r1", "r2: ctsync-ha statistics") {
            $0.peer?.missing = 5_000
        },
        Row("this node in fault", .roles, .notSafe, "r2 is in fault", "r2: journalctl -u keepalived") {
            $0.here.role = .fault
        },
        Row("no ruleset here", .tracking, .notSafe, "enables conntrack on r2", "r2: nft -f /etc/nftables.conf") {
            $0.here.facts?.tracksPackets = false
        },
        Row("this node's table", .table, .notSafe, "r2 would hold 300000 flows", "r2: sysctl -w net.netfilter") {
            $0.here.facts?.entries = 200_000
        },
        Row("loose there", .sysctls, .doubtful, "tcp_loose is 1 on r1 and 0 on r2", "nf_conntrack_tcp_loose=1") {
            $0.peer?.node.facts?.isLoose = true
        },
        Row("loss on the way here", .loss, .doubtful, "1.0 % of the datagrams from r1 to r2", "r2: ip -s link") {
            $0.peer?.lossPerMille = 10
        },
    ]
}
