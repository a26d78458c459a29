import Conntrack
import ControlProtocol

/// Messages and reports that several suites look at.
enum Sample {
    static let group = StatusReport.Group(
        name: "syncgrp", role: .master, since: WallTime(seconds: 1_795_000_000), source: .notify, term: 41,
        readiness: .master)

    static let status = StatusReport(
        node: "r1", verdict: .ok, standby: .cold, groups: [group],
        peers: [
            StatusReport.Peer(
                name: "r2", address: "10.99.0.2", link: "sync0", roles: [.init(group: "syncgrp", role: .backup)],
                inSync: true,
                digest: .init(
                    local: 0x0123_4567_89ab_cdef, remote: 0x0123_4567_89ab_cdef, version: 88_120_331,
                    equalAt: WallTime(seconds: 1_795_260_000)),
                lagMilliseconds: 2, unacknowledged: 0, lastHeardMilliseconds: 120)
        ],
        links: [.init(name: "sync0", active: true)],
        internalCache: .init(flows: 413_180, expectations: 3), externalCache: .init(flows: 0, expectations: 0),
        kernel: .init(entries: 413_202, limit: 1_048_576), hold: .init(state: .open, held: 1_234),
        lastTakeover: .init(
            at: WallTime(seconds: 1_795_000_000, nanoseconds: 380_000_000), flows: 412_031, failed: 0,
            nanoseconds: 380_999_999, reason: "promoted by notify"),
        counters: [NamedCount("wire_lost", 3), NamedCount("queue_full", 0), NamedCount("kernel_overruns", 1_200)])

    /// A node that knows nothing yet.
    static let young = StatusReport(
        node: "r1", verdict: .critical,
        reasons: [
            .init("no peer was heard since the start", remedy: "look at the sync link: ip -br link show sync0"),
            .init(
                "the kernel's table is above 95 % of nf_conntrack_max, where entries that no reply has assured "
                    + "are dropped early",
                remedy: "raise it: sysctl -w net.netfilter.nf_conntrack_max=2097152"),
        ],
        standby: .cold, groups: [], internalCache: .init(flows: 0), externalCache: .init(flows: 0))

    static let statistics = StatisticsReport(
        internalCache: .init(
            current: 19_606, created: 6_298_470, updated: 3_786_793, updatedFailed: 1, destroyed: 6_278_864),
        externalCache: .init(
            current: 15_771, created: 1_660_193, createdFailed: 123_456_789_012, updated: 77_204,
            destroyed: 1_644_422),
        links: [
            .init(
                device: "sync0", mode: .multicast, active: true, bytesSent: 976_826_240, bytesReceived: 212_898_000,
                packetsSent: 8_302_333, packetsReceived: 2_009_929, errorsReceived: 7)
        ],
        malformed: 2, lost: 263, counters: [NamedCount("bad_magic", 2), NamedCount("wire_lost", 263)])

    static let tcp = FlowLine(
        id: 1_015_736_576,
        Flow(
            original: Tuple(
                source: Address(ipv4: 0xc0a8_0a57), destination: Address(ipv4: 0xc633_640c), sourceKey: 58_172,
                destinationKey: 22, family: .ipv4, protocol: .tcp),
            reply: Tuple(
                source: Address(ipv4: 0xc633_640c), destination: Address(ipv4: 0xcb00_7101), sourceKey: 22,
                destinationKey: 40_001, family: .ipv4, protocol: .tcp),
            status: [.seenReply, .assured, .confirmed, .sourceNAT, .sourceNATDone], timeout: 430_279, mark: 7,
            tcp: TCPInfo(
                state: .established, originalScale: 7, replyScale: 9, originalFlags: [.windowScale, .sackPermitted],
                replyFlags: .windowScale)),
        ageMilliseconds: 1_500)

    static let ping = FlowLine(
        id: nil,
        Flow(
            original: Tuple(
                source: Address(high: 0x2001_0db8_0000_0000, low: 1),
                destination: Address(high: 0x2001_0db8_0000_0000, low: 2), sourceKey: 77, destinationKey: 128 << 8,
                zone: 5, family: .ipv6, protocol: .icmpv6),
            reply: Tuple(
                source: Address(high: 0x2001_0db8_0000_0000, low: 2),
                destination: Address(high: 0x2001_0db8_0000_0000, low: 1), sourceKey: 77, destinationKey: 129 << 8,
                zone: 5, family: .ipv6, protocol: .icmpv6),
            status: [.seenReply, .confirmed], timeout: 29))

    static let child = FlowLine(
        id: 9,
        Flow(
            original: Tuple(
                source: Address(ipv4: 0xc000_0201), destination: Address(ipv4: 0xc000_0202), sourceKey: 40_000,
                destinationKey: 5060, family: .ipv4, protocol: .udp),
            reply: Tuple(
                source: Address(ipv4: 0xc000_0202), destination: Address(ipv4: 0xc000_0201), sourceKey: 5060,
                destinationKey: 40_000, family: .ipv4, protocol: .udp),
            master: tcp.flow.original, status: .expected, timeout: 119))

    /// A flow with everything that few flows have.
    static let proxied: FlowLine = {
        var line = tcp
        line.flow.original.zone = 5
        line.flow.status.formUnion([.helper, .sequenceAdjusted])
        line.flow.extensions = FlowExtensions(
            helper: KernelName("ftp") ?? .none, labels: ConnectionLabels(high: 1 << 63, low: 0b1010),
            sequence: SequenceAdjustments(
                original: SequenceAdjustment(position: 4_000_000_000, before: -5, after: 7)),
            synproxy: SynproxyState(initialSequence: 1, initialTimestamp: 2, timestampOffset: 4_294_967_295))
        return line
    }()

    static let association = FlowLine(
        Flow(
            original: Tuple(
                source: Address(ipv4: 0xc000_0201), destination: Address(ipv4: 0xc000_0202), sourceKey: 40_000,
                destinationKey: 36412, family: .ipv4, protocol: .sctp),
            reply: Tuple(
                source: Address(ipv4: 0xc000_0202), destination: Address(ipv4: 0xc000_0201), sourceKey: 36412,
                destinationKey: 40_000, family: .ipv4, protocol: .sctp),
            status: .confirmed, timeout: 210,
            state: .sctp(SCTPInfo(state: .established, originalTag: .max, replyTag: 3))))

    static let datagrams: FlowLine = {
        var line = association
        line.flow.original.protocol = .dccp
        line.flow.reply.protocol = .dccp
        line.flow.state = .dccp(DCCPInfo(state: .open, originalIsServer: true, handshakeSequence: 1 << 48 - 1))
        return line
    }()

    /// The data connection that an FTP helper expects.
    static let expected = ExpectationLine(
        Expectation(
            key: ExpectationKey(
                tuple: Tuple(
                    source: Address(ipv4: 0xc633_640c), destination: Address(ipv4: 0xc0a8_0a57), sourceKey: 0,
                    destinationKey: 50_000, family: .ipv4, protocol: .tcp),
                sourceMask: Address(ipv4: .max), sourceKeyMask: 0),
            master: tcp.flow.original, timeout: 299, flags: .permanent, policy: 0,
            helper: KernelName("ftp") ?? .none,
            translation: ExpectationTranslation(isReply: true, address: Address(ipv4: 0xcb00_7101), key: 50_001),
            function: KernelName("nat-follow-master") ?? .none),
        ageMilliseconds: 12)

    /// An expectation with nothing beside its tuple and its master.
    static let bareExpected = ExpectationLine(
        Expectation(
            key: ExpectationKey(
                tuple: Tuple(
                    source: .any, destination: Address(high: 0x2001_0db8_0000_0000, low: 2), destinationKey: 5_060,
                    zone: 5, family: .ipv6, protocol: .udp),
                sourceMask: .any, sourceKeyMask: .max),
            master: ping.flow.original))

    /// A failover that would not be safe.
    static let unready = PreflightReport(
        node: "r1", verdict: .notSafe, failover: .init(from: "r1", to: "r2", flows: 413_180),
        table: .init(node: "r2", entries: 22, expected: 413_202, limit: 1_048_576, buckets: 262_144),
        findings: [
            .init(
                .tracking, .notSafe,
                "no ruleset enables conntrack on r2: packets are not tracked, and meet no entry", on: "r2",
                "nft -f /etc/nftables.conf"),
            .init(
                .events, .doubtful, "nf_conntrack_events is 0 on r1: its flows are not replicated", on: "r1",
                "sysctl -w net.netfilter.nf_conntrack_events=1"),
            .init(.flows, .safe, "2 PPTP calls cannot go on elsewhere", on: "r1", "ctsync-ha table | grep gre"),
        ],
        passed: [.link, .peer, .sync], unknown: [.zones, .labels])

    static let secret: KeySecret = {
        guard let secret = KeySecret(Array(1...32)) else { preconditionFailure("32 bytes are a secret") }
        return secret
    }()

    static let requests: [ControlRequest] =
        [.status, .statistics, .table(nil), .table(.ipv4), .table(.ipv6), .commit, .bulk, .purge, .preflight]
        + CacheName.allCases.flatMap { name in CacheContent.allCases.map { .cache(name, $0) } }
        + CacheName.allCases.map { .reset($0) } + FlushTarget.allCases.map { .flush($0) }
        + ResyncSource.allCases.map { .resync($0) }
        + [.key(.add(id: 1, secret)), .key(.use(id: 255)), .key(.remove(id: 2)), .key(.list)]
        + SealingStage.allCases.map { .key(.stage($0)) }
        + RoleOrder.allCases.flatMap { [.role($0, group: nil), .role($0, group: "syncgrp")] }
        + RoleNotification.State.allCases.flatMap { state in
            RoleNotification.Subject.allCases.flatMap { subject in
                [nil, 0, 255].map { .notify(RoleNotification(subject, name: "VI 1", state, priority: $0, sentAt: 7)) }
            }
        }

    static let keys = KeyListing(
        stage: .require,
        keys: [
            .init(id: 7, seals: true, fingerprint: "00c0ffee", opened: 1_234, lastOpenedMilliseconds: 300),
            .init(id: 8, seals: false, fingerprint: "deadbeef", opened: 0, lastOpenedMilliseconds: nil),
        ])

    static let replies: [ControlReply] = [
        .done("committed 412,031 flows"), .done(""), .refused("no such group; it is called syncgrp"), .status(status),
        .status(young), .statistics(statistics), .statistics(StatisticsReport()),
        .flows(FlowBatch([tcp, ping, child, proxied, association, datagrams], more: true)),
        .flows(FlowBatch([], more: false, warning: "no ruleset")),
        .expectations(ExpectationLineBatch([expected, bareExpected], more: true)),
        .expectations(ExpectationLineBatch([], more: false, warning: "none")),
        .progress(ProgressReport("committing", percent: 40)), .progress(ProgressReport("waiting")),
        .preflight(unready), .preflight(PreflightReport(node: "r1", verdict: .safe)),
        .keys(keys), .keys(KeyListing(stage: .off, keys: [])),
    ]
}
