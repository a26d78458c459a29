import Configuration
import Conntrack
import StateMachine
import Testing

@Suite struct VocabularyTests {
    /// The block as design and VyOS know it.
    static let block = """
        accept-protocol tcp,udp,icmp
        event-listen-queue-size 16
        failover-mechanism {
            vrrp {
                sync-group syncgrp
            }
        }
        ignore-address 10.99.0.0/24
        ignore-address 2001:db8::1
        interface sync0 {
            peer 10.99.0.2
            port 3781
        }
        listen-address 10.99.0.1
        mcast-group 225.0.0.51
        sync-queue-size 4
        startup-resync
        purge-timeout 90

        """

    @Test(arguments: [
        block, "conntrack-sync {\n\(block)}\n", "service {\n conntrack-sync {\n\(block) }\n}\n",
    ])
    func `the VyOS block is a valid file, whole or its inside`(text: String) throws {
        let reading = read(text)
        #expect(reading.problems == [])
        let configuration = try #require(reading.configuration)
        var expected = AgentConfiguration(
            nodeName: "r1",
            links: [
                LinkConfiguration(
                    interface: "sync0", destination: .unicast(peers: addresses("10.99.0.2")), port: 3781,
                    listenAddresses: addresses("10.99.0.1"))
            ])
        expected.acceptedProtocols = [.tcp, .udp, .icmp]
        expected.eventQueueBytes = 16 << 20
        expected.syncQueueBytes = 4 << 20
        expected.manager = .vrrp(syncGroup: "syncgrp")
        expected.ignoredAddresses = ["10.99.0.0/24", "2001:db8::1"].compactMap { AddressPrefix(parsing: $0) }
        expected.purgeTimeout = .seconds(90)
        #expect(configuration == expected)
    }

    @Test func `without a word of ours the defaults are the documented ones`() throws {
        let configuration = try #require(read(least).configuration)
        #expect(configuration.nodeName == "r1")
        #expect(
            configuration.links == [
                LinkConfiguration(
                    interface: "sync0",
                    destination: .multicast(group: HostAddress(Address(ipv4: 0xe100_0032), .ipv4)), port: 3780)
            ])
        #expect(configuration.acceptedProtocols == nil)
        #expect(configuration.eventQueueBytes == 8_388_608 && configuration.syncQueueBytes == 8_388_608)
        #expect(configuration.purgeTimeout == .seconds(60) && configuration.startupResync)
        #expect(configuration.hold && configuration.holdLimit == .seconds(2))
        #expect(configuration.orphanTimeout == .seconds(600))
        #expect(configuration.commitTolerance == Share(partsPerMillion: 10_000))
        #expect(configuration.controlSocket == "/run/ctsync-ha/control.sock" && configuration.controlGroup == nil)
        #expect(configuration.keyFiles == [] && configuration.sealing == nil && configuration.sealingStage == .off)
        #expect(configuration.stateDirectory == "/var/lib/ctsync-ha" && configuration.standby == .hot)
        #expect(configuration.keepalived.path == "/etc/keepalived/keepalived.conf")
    }

    /// Each leaf, and whether the model shows it.
    @Test(arguments: [
        Leaf("accept-protocol all") { $0.acceptedProtocols == nil },
        Leaf("accept-protocol TCP 47,icmp6") { $0.acceptedProtocols == [.tcp, .gre, .icmpv6] },
        Leaf("accept-protocol tcp; accept-protocol sctp") { $0.acceptedProtocols == [.tcp, .sctp] },
        Leaf("event-listen-queue-size 64MiB") { $0.eventQueueBytes == 64 << 20 },
        Leaf("sync-queue-size 512KiB") { $0.syncQueueBytes == 512 << 10 },
        Leaf("cluster { group GROUP }") { $0.manager == .cluster(group: "GROUP") },
        Leaf("failover-mechanism { cluster { group GROUP } }") { $0.manager == .cluster(group: "GROUP") },
        Leaf("mcast-group 225.0.0.9") {
            $0.links[0].destination == .multicast(group: HostAddress(Address(ipv4: 0xe100_0009), .ipv4))
        },
        Leaf("mcast-group ff02::9; listen-address fe80::1") {
            $0.links[0].family == .ipv6 && $0.links[0].listenAddresses == addresses("fe80::1")
        },
        Leaf("startup-resync off") { !$0.startupResync },
        Leaf("purge-timeout 2m") { $0.purgeTimeout == .seconds(120) },
        Leaf("disable-syslog") { _ in true },
        Leaf("disable-external-cache") { $0.standby == .hot },
        Leaf("standby hot") { $0.standby == .hot },
        Leaf("standby cold") { $0.standby == .cold },
        Leaf("# no word about helpers") { $0.expectationHelpers == .all },
        Leaf("expect-sync all") { $0.expectationHelpers == .all },
        Leaf("expect-sync ftp; expect-sync all") { $0.expectationHelpers == .all },
        Leaf("expect-sync none") { $0.expectationHelpers == .none },
        Leaf("expect-sync ftp,sip; expect-sync nfs sqlnet") {
            $0.expectationHelpers == .named(names("ftp", "sip", "rpc", "tns"))
        },
        Leaf("expect-sync h323") { $0.expectationHelpers == .named(names("RAS", "Q.931", "H.245")) },
        Leaf("expect-sync tftp,irc pptp,amanda,snmp,netbios-ns") {
            $0.expectationHelpers == .named(names("tftp", "irc", "pptp", "amanda", "snmp", "netbios-ns"))
        },
        Leaf("expect-sync our-own") { $0.expectationHelpers == .named(names("our-own")) },
        Leaf("# no word about attributes") { $0.leftOut == [] },
        Leaf("leave-out labels,helper; leave-out sequence-adjustment") {
            $0.leftOut == [.labels, .helper, .sequence]
        },
        Leaf("leave-out " + FlowAttribute.allCases.filter(\.canBeLeftOut).map(\.name).joined(separator: ",")) {
            $0.leftOut == FlowAttributes.all.subtracting([.reply, .protocolState])
        },
        Leaf("node-name fw-left.example") { $0.nodeName == "fw-left.example" },
        Leaf("hold off") { !$0.hold },
        Leaf("hold-limit 1500ms") { $0.holdLimit == .milliseconds(1500) },
        Leaf("orphan-timeout 1h") { $0.orphanTimeout == .seconds(3600) },
        Leaf("commit-tolerance 0.25%") { $0.commitTolerance == Share(partsPerMillion: 2_500) },
        Leaf("control-socket /run/x.sock") { $0.controlSocket == "/run/x.sock" },
        Leaf("control-group netops") { $0.controlGroup == "netops" },
        Leaf("key-file /k1; key-file k2") {
            $0.keyFiles.map(\.place) == [.path("/k1"), .credential("k2")] && $0.sealingStage == .require
        },
        Leaf("key-file /k; sealing accept") { $0.sealingStage == .accept },
        Leaf("key-file /k; sealing off") { $0.sealingStage == .off },
        Leaf("sealing off") { $0.sealingStage == .off && $0.keyFiles.isEmpty },
        Leaf("state-directory /srv/state") { $0.stateDirectory == "/srv/state" },
        Leaf("virtual-address 192.168.10.1; virtual-address 2001:db8::1/64") {
            $0.virtualAddresses == ["192.168.10.1", "2001:db8::1"].compactMap { HostAddress(parsing: $0) }
        },
        Leaf("keepalived { config /k.conf; notify-fifo /run/f; track-file /run/t; commit-on first-member }") {
            $0.keepalived.path == "/k.conf" && $0.keepalived.notifyFIFO == "/run/f"
                && $0.keepalived.trackFile == "/run/t" && $0.keepalived.commitOn == .firstMember
        },
        Leaf(
            "group g { zone 7; mark 0x10/0xf0; mark 3; prefix 192.0.2.0/24; interface eth0; virtual-address 192.0.2.1 }"
        ) {
            $0.groups.count == 1 && $0.groups[0].zones == [7] && $0.groups[0].interfaces == ["eth0"]
                && $0.groups[0].marks == [.init(value: 0x10, mask: 0xf0), .init(value: 3)]
                && $0.groups[0].prefixes.map(\.text) == ["192.0.2.0/24"]
                && $0.groups[0].virtualAddresses.map(\.description) == ["192.0.2.1"]
        },
        Leaf("metrics { listen 127.0.0.1:9100; listen [::1]:9100 }") {
            $0.metricsListeners.map { "\($0.address) \($0.port)" } == ["127.0.0.1 9100", "::1 9100"]
        },
    ])
    func `each leaf reaches the model`(leaf: Leaf) throws {
        let manager = leaf.text.contains("cluster") ? "" : "vrrp { sync-group g }\n"
        let reading = read("interface sync0\n" + manager + leaf.text)
        #expect(reading.errors == [])
        #expect(leaf.holds(try #require(reading.configuration)))
    }

    /// What does not act says so; what acts is silent.
    @Test(arguments: [
        ("metrics { listen 127.0.0.1:1 }", "3:1", "`metrics` does not act yet: no metrics are served"),
        ("group g { zone 1 }", "3:1", "`group` does not act yet: every flow belongs to the one group that is followed"),
        ("keepalived { notify-fifo /t }", "3:14", "`notify-fifo` does not act yet: the FIFO is not read"),
        ("disable-syslog", "3:1", "`disable-syslog` has no effect: messages go to the journal only"),
        ("service { ssh { port 22 } }", "3:11", "`ssh` is another service and was not read"),
    ])
    func `what does not act yet is a warning`(text: String, place: String, what: String) {
        let reading = read("interface sync0\nvrrp { sync-group g }\n" + text)
        #expect(reading.errors == [])
        #expect(reading.warnings.map { "\($0.position) \($0.what)" } == ["/r1.conf:\(place) \(what)"])
    }

    @Test(
        arguments: [
            ("expect-sync none", nil), ("expect-sync all", nil), ("expect-sync ftp,sip,h323,nfs,sqlnet,tftp,RAS", nil),
            ("expect-sync h332", "3:13: warning: no helper called `h332` is known here; did you mean `h323`?"),
            (
                "expect-sync ftp, our-own",
                "3:18: warning: no helper called `our-own` is known here; leave it if this kernel has one"
            ),
            ("leave-out labels", nil),
            (
                "leave-out labels,status",
                "3:18: warning: without their status, rules take flows for new until they are answered; "
                    + "leave out another attribute, unless this kernel must not be given it"
            ),
        ] as [(String, String?)])
    func `what is doubtful is a warning`(line: String, expected: String?) {
        let reading = read("interface sync0\nvrrp { sync-group g }\n" + line)
        #expect(reading.problems.map(\.description) == [expected].compactMap { $0.map { "/r1.conf:" + $0 } })
    }

    @Test func `names of the protocols file are known, and its aliases`() throws {
        let names = ProtocolNames(protocolsFile: "# comment\nesp\t50\tIPSEC-ESP # sealed\nbroken\nospf 89 OSPFIGP\n")
        let reading = AgentConfiguration.read(
            path: "/r1.conf", hostName: "r1", protocols: names,
            loader: MemoryLoader(files: ["/r1.conf": least + "accept-protocol esp,ospfigp"]))
        #expect(reading.configuration?.acceptedProtocols?.map(\.rawValue).sorted() == [50, 89])
    }

    @Test(
        arguments: [
            (0, 100, false), (1, 100, false), (2, 100, true), (10_000, 1_000_000, false), (10_001, 1_000_000, true),
            (UInt64.max, UInt64.max, true), (0, 0, false),
        ] as [(UInt64, UInt64, Bool)])
    func `one per cent is exceeded by more than one per cent`(part: UInt64, whole: UInt64, exceeded: Bool) {
        #expect(Share(partsPerMillion: 10_000).isExceeded(by: part, of: whole) == exceeded)
    }
}

/// Addresses by their text.
func addresses(_ texts: String...) -> [HostAddress] { texts.compactMap { HostAddress(parsing: $0) } }

/// Helpers by their names.
func names(_ texts: String...) -> Set<KernelName> { Set(texts.compactMap { KernelName($0) }) }

/// A leaf of the file and what it does to the model.
struct Leaf: Sendable, CustomTestStringConvertible {
    let text: String
    let holds: @Sendable (AgentConfiguration) -> Bool

    init(_ text: String, _ holds: @escaping @Sendable (AgentConfiguration) -> Bool) {
        self.text = text
        self.holds = holds
    }

    var testDescription: String { text }
}
