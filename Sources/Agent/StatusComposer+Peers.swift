internal import ControlProtocol
internal import Engine
internal import StateMachine

// What is wrong with the links, and with the peers behind them.
extension StatusComposer {
    /// A link that is of no use is a warning while another one is, since the nodes go on over that.
    func linkFindings(_ report: AgentReport) -> [Finding] {
        let usable = report.links.filter(\.isUsable).map(\.interface)
        let severity: Severity = usable.isEmpty ? .critical : .warning
        let goesOn = usable.isEmpty ? "" : ", while the nodes go on over \(usable.joined(separator: " and "))"
        return report.links.compactMap { link in
            guard let trouble = link.trouble else { return nil }
            return link.isUsable
                ? Finding(.warning, trouble, "raise the MTU of \(link.interface); or: systemctl restart ctsync-ha")
                : Finding(severity, trouble + goesOn, Self.look(at: [link]))
        }
    }

    /// One word for each peer that is not well, and for those that were never heard.
    func peerFindings(_ report: AgentReport) -> [Finding] {
        let look = Self.look(at: report.links)
        let peers = report.engine.peers.sorted { $0.name < $1.name }
        guard !peers.isEmpty else {
            let names = report.links.filter(\.isUsable).map(\.interface).joined(separator: ", ")
            let isCrossed = report.edgeCounters.contains { $0.name == "link_wrong_link" && $0.value > 0 }
            return [
                Finding(
                    .critical, "no peer has been heard on \(names): a failover now loses every flow",
                    isCrossed ? "name the interfaces in the same order in the configuration of each node" : look)
            ]
        }
        let standsBySomebody = peers.contains { !$0.isSilent }
        var found = peers.compactMap { finding(of: $0, report, isLast: !standsBySomebody) }
        for (link, what) in peers.flatMap({ report.silentLinks(of: $0) }) {
            found.append(Finding(.warning, what, Self.look(at: [link])))
        }
        if let expected = report.links.compactMap(\.peers).max(), expected > peers.count {
            found.append(
                Finding(
                    .warning, "\(expected - peers.count) of \(expected) peers have not been heard since the start",
                    "on each node: ctsync-ha status; here: \(look)"))
        }
        return found
    }

    private func finding(of peer: EngineReport.Peer, _ report: AgentReport, isLast: Bool) -> Finding? {
        if peer.isSilent {
            let seconds = report.at.since(peer.lastHeard).milliseconds / 1000
            return Finding(
                isLast ? .critical : .warning,
                "peer \(peer.name) is silent for \(seconds) s: a failover \(isLast ? "now" : "to it") may lose flows",
                "on \(peer.name): ctsync-ha status; here: \(Self.look(at: report.links))")
        }
        if let digest = peer.digest, digest.local != digest.remote {
            return Finding(
                .warning, "peer \(peer.name) does not hold the same flows: what differs is sent again",
                "wait some seconds; if it stays: ctsync-ha resync peer")
        }
        let standsBy = report.engine.role == "backup"
        if standsBy, !peer.isComplete, peer.role == "master" {
            return Finding(
                .warning, "this node is still receiving the flows of \(peer.name)", "wait, then: ctsync-ha status")
        }
        if !standsBy, !peer.isAcknowledged, peer.unacknowledged > Self.tolerableLag {
            return Finding(
                .warning, "peer \(peer.name) is \(peer.unacknowledged) changes behind",
                "wait; if it stays: ctsync-ha statistics on both nodes")
        }
        return nil
    }

    private static func look(at links: [AgentReport.Link]) -> String {
        "ip -s link show" + (links.count == 1 ? " dev \(links[0].interface)" : "")
    }
}
