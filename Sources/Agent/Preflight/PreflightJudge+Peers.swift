internal import Conntrack
internal import ControlProtocol

// The links, the peers, and what the nodes know of each other's flows.
extension PreflightJudge {
    private var here: String { situation.here.name }
    private var peers: [PreflightSituation.Peer] { situation.peers }
    private var interfaces: String { situation.links.map(\.interface).joined(separator: ", ") }
    private var showLinks: String { showLink(situation.links) }

    private func showLink(_ links: [AgentReport.Link]) -> String {
        "ip -s link show" + (links.count == 1 ? " dev \(links[0].interface)" : "")
    }

    func judgeLink() -> Answer {
        let usable = situation.links.filter(\.isUsable).map(\.interface)
        let goesOn = usable.isEmpty ? "" : ", while the nodes go on over \(usable.joined(separator: " and "))"
        let away: [PreflightReport.Finding] = situation.links.compactMap { link in
            guard let trouble = link.trouble else { return nil }
            // Short datagrams pass, and tell the nodes of each other; those full of flows may not.
            if link.isUsable { return .init(.link, .doubtful, trouble, on: here, showLink([link])) }
            let severity: PreflightReport.Verdict = usable.isEmpty ? .notSafe : .safe
            return .init(.link, severity, trouble + goesOn, on: here, showLink([link]))
        }
        let silent: [PreflightReport.Finding] = situation.livePeers.flatMap(\.silentLinks).map { link, what in
            .init(.link, .safe, what, on: here, showLink([link]))
        }
        return Self.sum(away + silent)
    }

    func judgePeer() -> Answer {
        guard !peers.isEmpty else {
            return Self.found(
                .peer, .notSafe, "no peer has been heard on \(interfaces): every flow would be lost", on: here,
                showLinks)
        }
        // Where another one stands by, it is not certain that the flows go to this one.
        let severity: PreflightReport.Verdict = situation.livePeers.isEmpty ? .notSafe : .doubtful
        var found: [PreflightReport.Finding] = peers.compactMap { peer in
            let name = peer.node.name
            if peer.hasLeft {
                return .init(
                    .peer, severity, "the agent of \(name) has ended: what came since is not there", on: name,
                    "systemctl start ctsync-ha")
            }
            return peer.silentFor.map { seconds in
                .init(
                    .peer, severity, "\(name) is silent for \(seconds) s: what came since may not be there", on: name,
                    "systemctl status ctsync-ha")
            }
        }
        if let expected = situation.links.compactMap(\.peers).max(), expected > peers.count {
            found.append(
                .init(
                    .peer, .doubtful, "\(expected - peers.count) of \(expected) peers have not been heard", on: here,
                    showLinks))
        }
        return Self.sum(found)
    }

    func judgeVersions() -> Answer {
        guard !peers.isEmpty else {
            guard situation.foreignVersions > 0 else { return .unknown }
            return Self.found(
                .versions, .notSafe, "a node on \(interfaces) speaks another wire version than this one", on: here,
                "ctsync-ha --version")
        }
        return Self.sum(peers.map(judgeVersions))
    }

    private func judgeVersions(of peer: PreflightSituation.Peer) -> Answer {
        guard let versions = peer.versions else { return .unknown }
        let own = situation.wireVersions
        let name = peer.node.name
        let ranges = "\(name) speaks wire versions \(Self.text(versions)), this node \(Self.text(own))"
        let older = versions.highest < own.highest ? name : here
        guard max(versions.lowest, own.lowest) <= min(versions.highest, own.highest) else {
            return Self.found(.versions, .notSafe, ranges, on: older, "ctsync-ha --version")
        }
        guard versions == own else {
            return Self.found(
                .versions, .safe, "\(ranges): they use what both know", on: older, "ctsync-ha --version")
        }
        return .passed
    }

    private static func text(_ versions: (lowest: UInt8, highest: UInt8)) -> String {
        versions.lowest == versions.highest ? "\(versions.lowest)" : "\(versions.lowest) to \(versions.highest)"
    }

    func judgeRoles() -> Answer {
        var found: [PreflightReport.Finding] = []
        if !situation.roleIsKnown {
            found.append(
                .init(
                    .roles, .doubtful, "no manager has told \(here) its role yet", on: here,
                    "journalctl -u keepalived"))
        }
        let nodes = situation.liveNodes
        guard nodes.count > 1 else { return found.isEmpty ? .unknown : .found(found) }
        let masters = nodes.filter(\.role.claimsMastership)
        if situation.hasTwoMasters || masters.count > 1 {
            let names = Self.list(masters.count > 1 ? masters : nodes)
            found.append(
                .init(
                    .roles, .notSafe, "two masters: VRRP does not pass between \(names)", on: here,
                    "tcpdump -ni any proto 112"))
        } else if masters.isEmpty {
            let names =
                nodes.count == 2 ? "neither \(nodes[0].name) nor \(nodes[1].name)" : "none of \(Self.list(nodes))"
            found.append(
                .init(
                    .roles, .notSafe, "\(names) is master: nobody carries the flows", on: here,
                    "systemctl status keepalived"))
        }
        for node in nodes {
            switch node.role {
            case .fault:
                found.append(
                    .init(
                        .roles, .notSafe, "\(node.name) is in fault and cannot take over", on: node.name,
                        "journalctl -u keepalived"))
            case .starting:
                found.append(
                    .init(.roles, .doubtful, "\(node.name) is starting: wait", on: node.name, "ctsync-ha status"))
            case .takingOver:
                found.append(
                    .init(
                        .roles, .doubtful, "\(node.name) is taking over: wait until it is done", on: node.name,
                        "ctsync-ha status"))
            case .master, .backup: break
            }
        }
        return Self.sum(found)
    }

    private static func list(_ nodes: [PreflightSituation.Node]) -> String {
        nodes.count == 2
            ? "\(nodes[0].name) and \(nodes[1].name)" : nodes.map(\.name).joined(separator: ", ")
    }

    func judgeSync() -> Answer { Self.sum(situation.failovers.map(judgeSync)) }

    private func judgeSync(of failover: PreflightSituation.Failover) -> Answer {
        let (masterIsSynced, standbyHolds) =
            switch failover.way {
            case .fromHere(let peer): (situation.announcesInSync, peer.saysInSync)
            case .toHere(let master): (master.saysInSync, master.isFollowed)
            case .between(let master, let peer): (master.saysInSync, peer.saysInSync)
            }
        // A master that does not hold what its predecessor held says so itself.
        guard masterIsSynced else {
            let name = failover.from.name
            return Self.found(
                .sync, .doubtful, "\(name) became master without the flows of its predecessor: it asks for them",
                on: name, "ctsync-ha status")
        }
        guard standbyHolds else {
            return Self.found(
                .sync, .notSafe, "\(failover.to.name) does not hold all flows of \(failover.from.name) yet",
                on: failover.to.name, "ctsync-ha resync peer")
        }
        return .passed
    }

    func judgeLag() -> Answer { Self.sum(situation.failovers.map(judgeLag)) }

    private func judgeLag(of failover: PreflightSituation.Failover) -> Answer {
        let changes: UInt64
        switch failover.way {
        case .fromHere(let peer): changes = peer.unacknowledged
        case .toHere(let master): changes = master.missing
        // What is under way between others only they know.
        case .between: return .idle
        }
        guard changes > Self.tolerableLag else { return .passed }
        return Self.found(
            .lag, changes > Self.ruinousLag ? .notSafe : .doubtful,
            "\(failover.to.name) is \(changes) changes behind \(failover.from.name)", on: failover.to.name,
            "ctsync-ha statistics")
    }

    func judgeDigest() -> Answer {
        let failovers = situation.failovers
        return failovers.isEmpty ? .idle : Self.sum(failovers.map(judgeDigest))
    }

    private func judgeDigest(of failover: PreflightSituation.Failover) -> Answer {
        let isEqual: Bool?
        switch failover.way {
        case .fromHere(let peer), .toHere(let peer): isEqual = peer.digestsAreEqual
        case .between: isEqual = nil
        }
        guard let isEqual else { return .idle }
        if isEqual { return .passed }
        return Self.found(
            .digest, .notSafe,
            "\(failover.to.name) holds other flows than \(failover.from.name): their digests differ",
            on: failover.to.name, "ctsync-ha resync peer")
    }

    func judgeLoss() -> Answer { Self.sum(situation.livePeers.map(judgeLoss)) }

    private func judgeLoss(of peer: PreflightSituation.Peer) -> Answer {
        // Among several nodes, nobody tells from whom it missed what.
        let name = peer.node.name
        let back = peers.count == 1 ? "from \(here) to \(name)" : "to \(name)"
        let ways: [(loss: UInt32?, way: String, to: String)] = [
            (peer.lossPerMille, "from \(name) to \(here)", here), (peer.node.facts?.lossPerMille, back, name),
        ]
        guard ways.contains(where: { $0.loss != nil }) else { return .unknown }
        return Self.sum(
            ways.compactMap { way in
                guard let loss = way.loss, loss >= Self.tolerableLoss else { return nil }
                return PreflightReport.Finding(
                    .loss, .doubtful, "\(loss / 10).\(loss % 10) % of the datagrams \(way.way) are lost", on: way.to,
                    showLinks)
            })
    }

    func judgeFacts() -> Answer { Self.sum(situation.livePeers.map(judgeFacts)) }

    private func judgeFacts(of peer: PreflightSituation.Peer) -> Answer {
        let name = peer.node.name
        guard peer.node.facts != nil else {
            return Self.found(
                .facts, .doubtful, "\(name) has not told what its kernel is like", on: name, "ctsync-ha --version")
        }
        guard peer.factsAge <= Self.factsAge else {
            return Self.found(
                .facts, .doubtful, "\(name) has not told what its kernel is like for \(peer.factsAge) s", on: name,
                "systemctl restart ctsync-ha")
        }
        return situation.here.facts == nil ? .unknown : .passed
    }

    func judgeFlows() -> Answer {
        guard situation.boundFlows > 0 else { return .passed }
        return Self.found(
            .flows, .safe,
            "\(situation.boundFlows) PPTP calls (keyed GRE) cannot go on elsewhere: their clients dial again", on: here,
            "ctsync-ha table | grep gre")
    }
}
