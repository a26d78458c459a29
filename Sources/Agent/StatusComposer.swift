internal import Conntrack
internal import ControlProtocol
internal import Engine
internal import Failover
internal import LinuxIO
internal import Netfilter
internal import StateMachine

/// Makes an operator's view of the data thread's report: the verdict first, then why, then what to do.
struct StatusComposer {
    let node: String
    let group: String
    /// Whether packets are tracked in this namespace, as last probed.
    var tracking: PacketTracking = .unknown
    /// What the hold does, as last seen, and what keeps it from being of use.
    var hold = StatusReport.Hold()
    var holdObstacle: StatusReport.Reason?

    /// Share of the kernel's limit from which on the table counts as nearly full, in percent.
    static let fullTable = 90
    /// What ends an operator's order.
    static let giveBack = "ctsync-ha role auto"
    /// Changes that a peer may be behind before it is worth a word.
    static let tolerableLag: UInt64 = 10_000

    /// The report of `status`.
    func status(_ report: AgentReport) -> StatusReport {
        let engine = report.engine
        let findings = findings(report)
        let verdict = findings.map(\.severity).max() ?? .ok
        let role = StatusReport.Role(rawValue: engine.role) ?? .starting
        let peers = zip(engine.peers, report.peerAddresses).map { peer($0, address: $1, report) }
            .sorted { ($0.name ?? "") < ($1.name ?? "") }
        return StatusReport(
            node: node, verdict: verdict.verdict, reasons: findings.map(\.reason), standby: engine.isHot ? .hot : .cold,
            groups: [
                StatusReport.Group(
                    name: group, role: role, since: wall(engine.since, report),
                    source: StatusReport.Source(rawValue: engine.source.rawValue) ?? .none, term: engine.term,
                    readiness: StatusReport.Readiness(rawValue: engine.readiness.reportName))
            ], peers: peers, links: links(report),
            internalCache: .init(
                flows: UInt64(engine.internalFlows), expectations: UInt64(engine.internalExpectations)),
            externalCache: .init(
                flows: UInt64(engine.externalFlows), expectations: UInt64(engine.externalExpectations)),
            kernel: .init(
                entries: engine.kernelEntries.map { UInt64($0) }, limit: engine.kernelLimit.map { UInt64($0) }),
            hold: hold, lastTakeover: engine.lastTakeover.map { takeover($0.result, $0.at, report) },
            counters: counters(report))
    }

    /// Every counter by name.
    func counters(_ report: AgentReport) -> [NamedCount] {
        (report.engine.counters.listing + report.edgeCounters).map { NamedCount($0.name, $0.value) }
    }

    enum Severity: Int, Comparable {
        case ok
        case warning
        case critical

        var verdict: StatusReport.Verdict {
            switch self {
            case .ok: .ok
            case .warning: .warning
            case .critical: .critical
            }
        }

        static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
    }

    struct Finding {
        let severity: Severity
        let reason: StatusReport.Reason

        init(_ severity: Severity, _ what: String, _ remedy: String) {
            self.init(severity, .init(what, remedy: remedy))
        }

        init(_ severity: Severity, _ reason: StatusReport.Reason) {
            self.severity = severity
            self.reason = reason
        }
    }

    private func findings(_ report: AgentReport) -> [Finding] {
        let carries = report.links.contains(where: \.isUsable)
        let found =
            linkFindings(report) + (carries ? peerFindings(report) : []) + roleFindings(report) + tableFindings(report)
            + holdFindings + sealingFindings(report)
        return found.filter { $0.severity == .critical } + found.filter { $0.severity != .critical }
    }

    /// A hold that the kernel refuses makes a takeover worse than it need be; whoever has none to make has chosen so.
    private var holdFindings: [Finding] {
        holdObstacle.map { [Finding(hold.state == .unavailable ? .warning : .ok, $0)] } ?? []
    }

    /// An open link says nothing about a failover, so it does not change the verdict; it is said all the same.
    private func sealingFindings(_ report: AgentReport) -> [Finding] {
        switch report.sealing {
        case .off:
            [
                Finding(
                    .ok, "the link is open: what the nodes tell each other is neither encrypted nor authenticated",
                    "ctsync-ha key new PATH; then key-file PATH in the configuration of each node")
            ]
        case .accept:
            [
                Finding(
                    .ok, "open datagrams are taken beside sealed ones",
                    "once link_open_taken stands still on both nodes: ctsync-ha key stage require, and in the file")
            ]
        case .require: []
        }
    }

    private func roleFindings(_ report: AgentReport) -> [Finding] {
        let engine = report.engine
        var found: [Finding] = []
        if let masters = engine.twoMasters, masters.isReported {
            let claims = engine.peers.first { $0.role == "master" || $0.role == "taking-over" }
            found.append(
                Finding(
                    .critical, "two masters: \((claims ?? engine.peers.first)?.name ?? "a peer") claims the role too",
                    "check that VRRP passes between the nodes: ip -br address; tcpdump -ni any proto 112"))
        }
        if let takeover = engine.lastTakeover?.result, !takeover.succeeded {
            found.append(
                Finding(
                    .critical, "the last takeover was refused \(takeover.tally.failed) flows by the kernel",
                    "ctsync-ha statistics; then ctsync-ha commit"))
        }
        if let split = engine.disagreement {
            found.append(
                Finding(
                    .warning,
                    "the \(split.source == .manual ? "operator" : "manager") said \(split.spoken.rawValue), but "
                        + "\(split.addresses.rawValue) of the virtual addresses are here",
                    split.source == .manual ? Self.giveBack : "ip -br address; systemctl status keepalived"))
        }
        if engine.role == "fault" {
            found.append(
                engine.source == .manual
                    ? Finding(.warning, "the operator ordered fault: this node cannot take over", Self.giveBack)
                    : Finding(
                        .warning, "the manager reports FAULT: this node cannot take over", "journalctl -u keepalived"))
        }
        if !engine.roleKnown {
            found.append(
                Finding(
                    .warning, "no manager has spoken yet: this node is backup until one does",
                    "in keepalived's sync group: notify \"/usr/sbin/ctsync-ha notify\""))
        }
        return found
    }

    private func tableFindings(_ report: AgentReport) -> [Finding] {
        var found: [Finding] = []
        if tracking == .disabled {
            found.append(
                Finding(
                    .warning, "no ruleset enables conntrack here: packets are not tracked",
                    "load a NAT or stateful ruleset: nft list ruleset"))
        }
        if let entries = report.engine.kernelEntries, let limit = report.engine.kernelLimit, limit > 0,
            entries * 100 >= limit * Self.fullTable
        {
            found.append(
                Finding(
                    .warning, "the kernel's table is nearly full: \(entries) of \(limit)",
                    "sysctl net.netfilter.nf_conntrack_max=\(limit * 2)"))
        }
        if report.engine.externalIsFull {
            found.append(
                Finding(
                    .critical,
                    "the external cache is full with \(report.engine.externalFlows) flows: a takeover loses all others",
                    "the cache takes twice nf_conntrack_max as it is at the start: raise it, then systemctl restart "
                        + "ctsync-ha"))
        }
        if report.engine.refusedCopies > 0 {
            found.append(
                Finding(
                    .warning, "the kernel refuses \(report.engine.refusedCopies) copies: a takeover tries them again",
                    "ctsync-ha preflight"))
        }
        return found + fidelityFindings(report)
    }

    /// What flows lost, or would lose, on their way to another kernel; which ones, the journal says.
    private func fidelityFindings(_ report: AgentReport) -> [Finding] {
        var found: [Finding] = []
        for attribute in FlowAttribute.allCases where report.engine.shortfall[attribute] > 0 {
            found.append(
                Finding(
                    .warning,
                    "the kernel took \(report.engine.shortfall[attribute]) flows without \(Self.loss(of: attribute))",
                    Self.remedy(for: attribute)))
        }
        if report.engine.boundFlows > 0 {
            found.append(
                Finding(
                    .ok,
                    "\(report.engine.boundFlows) PPTP calls (keyed GRE) are copied but cannot go on after a failover",
                    "ctsync-ha table | grep gre; their clients must dial again"))
        }
        return found
    }

    private static func loss(of attribute: FlowAttribute) -> String {
        switch attribute {
        case .helper: "their helper: no further transfers open"
        case .labels: "their labels"
        case .master: "their master, which had ended"
        case .sequence: "their sequence adjustments: they will stall"
        case .synproxy: "the state of their SYN proxy: they will stall"
        case .reply, .zone, .status, .timeout, .mark, .protocolState, .protocolDetails: "their \(attribute.name)"
        }
    }

    private static func remedy(for attribute: FlowAttribute) -> String {
        switch attribute {
        case .helper: "journalctl -u ctsync-ha names them; load the helper: modprobe nf_conntrack_ftp"
        case .labels: "have a rule that sets labels in the ruleset, as on the peer: nft list ruleset"
        default: "journalctl -u ctsync-ha names them"
        }
    }

    private func links(_ report: AgentReport) -> [StatusReport.Link] {
        let active = report.activeLinks
        return report.links.enumerated().map { number, link in
            StatusReport.Link(
                name: link.interface, mode: link.isShared ? .multicast : .unicast, there: link.isThere,
                carrier: link.hasCarrier, active: active.contains(number), obstacle: link.trouble)
        }
    }

    private func peer(
        _ peer: EngineReport.Peer, address: String?, _ report: AgentReport
    ) -> StatusReport.Peer {
        let standsBy = report.engine.role == "backup" || report.engine.role == "fault"
        return StatusReport.Peer(
            name: peer.name, address: address ?? "unknown",
            link: report.links.indices.contains(peer.link) ? report.links[peer.link].interface : nil,
            roles: StatusReport.Role(rawValue: peer.role).map { [.init(group: group, role: $0)] } ?? [],
            inSync: peer.isSilent ? false : standsBy ? peer.isComplete : peer.isAcknowledged,
            digest: peer.digest.map { digest in
                .init(
                    local: digest.local, remote: digest.remote, version: digest.version,
                    equalAt: digest.equalAt.map { wall($0, report) })
            } ?? .init(),
            unacknowledged: peer.unacknowledged,
            lastHeardMilliseconds: report.at.since(peer.lastHeard).milliseconds)
    }

    private func takeover(_ result: TakeoverResult, _ at: Instant, _ report: AgentReport) -> StatusReport.Takeover {
        StatusReport.Takeover(
            at: wall(at, report), flows: UInt64(result.tally.flows), failed: UInt64(result.tally.failed),
            nanoseconds: result.duration.nanoseconds,
            reason: (result.inSync ? "in sync" : "not in sync") + ", by " + report.engine.source.rawValue)
    }

    private func wall(_ instant: Instant, _ report: AgentReport) -> WallTime {
        let age = report.at.since(instant).nanoseconds
        let now = WallClock.nanoseconds()
        let nanoseconds = now - min(age, now)
        return WallTime(seconds: nanoseconds / 1_000_000_000, nanoseconds: UInt32(nanoseconds % 1_000_000_000))
    }
}
