internal import Conntrack
internal import ControlProtocol

// The link, the peer, and what the two know of each other's flows.
extension PreflightJudge {
    private var here: String { situation.here.name }
    private var showLink: String { "ip -s link show dev \(situation.interface)" }

    func judgeLink() -> Answer {
        if let obstacle = situation.linkObstacle { return Self.found(.link, .notSafe, obstacle, on: here, showLink) }
        guard situation.hasCarrier else {
            return Self.found(.link, .notSafe, "\(situation.interface) has no carrier", on: here, showLink)
        }
        return .passed
    }

    func judgePeer() -> Answer {
        guard let peer = situation.peer else {
            return Self.found(
                .peer, .notSafe, "no peer has been heard on \(situation.interface): every flow would be lost",
                on: here, showLink)
        }
        let name = peer.node.name
        if peer.hasLeft {
            return Self.found(
                .peer, .notSafe, "the agent of \(name) has ended: what came since is not there", on: name,
                "systemctl start ctsync-ha")
        }
        if let seconds = peer.silentFor {
            return Self.found(
                .peer, .notSafe, "\(name) is silent for \(seconds) s: what came since may not be there", on: name,
                "systemctl status ctsync-ha")
        }
        return .passed
    }

    func judgeVersions() -> Answer {
        guard let versions = situation.peer?.versions else {
            guard situation.peer == nil, situation.foreignVersions > 0 else { return .unknown }
            return Self.found(
                .versions, .notSafe, "a node on \(situation.interface) speaks another wire version than this one",
                on: here,
                "ctsync-ha --version")
        }
        let own = situation.wireVersions
        let name = situation.peer?.node.name ?? ""
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
        guard let peer = situation.livePeer else { return found.isEmpty ? .unknown : .found(found) }
        let roles = (situation.here.role, peer.node.role)
        if situation.hasTwoMasters || (roles.0.claimsMastership && roles.1.claimsMastership) {
            found.append(
                .init(
                    .roles, .notSafe, "two masters: VRRP does not pass between \(here) and \(peer.node.name)", on: here,
                    "tcpdump -ni any proto 112"))
        } else if !roles.0.claimsMastership, !roles.1.claimsMastership {
            found.append(
                .init(
                    .roles, .notSafe, "neither \(here) nor \(peer.node.name) is master: nobody carries the flows",
                    on: here, "systemctl status keepalived"))
        }
        for node in [situation.here, peer.node] {
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

    func judgeSync() -> Answer {
        guard let (from, to) = situation.failover, let peer = situation.livePeer, let leavesHere = situation.leavesHere
        else { return .unknown }
        // A master that does not hold what its predecessor held says so itself.
        let masterIsSynced = leavesHere ? situation.announcesInSync : peer.saysInSync
        guard masterIsSynced else {
            return Self.found(
                .sync, .doubtful, "\(from.name) became master without the flows of its predecessor: it asks for them",
                on: from.name, "ctsync-ha status")
        }
        guard leavesHere ? peer.saysInSync : peer.isFollowed else {
            return Self.found(
                .sync, .notSafe, "\(to.name) does not hold all flows of \(from.name) yet", on: to.name,
                "ctsync-ha resync peer")
        }
        return .passed
    }

    func judgeLag() -> Answer {
        guard let (from, to) = situation.failover, let peer = situation.livePeer else { return .unknown }
        let changes = situation.leavesHere == true ? peer.unacknowledged : peer.missing
        guard changes > Self.tolerableLag else { return .passed }
        return Self.found(
            .lag, changes > Self.ruinousLag ? .notSafe : .doubtful,
            "\(to.name) is \(changes) changes behind \(from.name)", on: to.name, "ctsync-ha statistics")
    }

    func judgeDigest() -> Answer {
        guard let (from, to) = situation.failover, let isEqual = situation.livePeer?.digestsAreEqual else {
            return .idle
        }
        if isEqual { return .passed }
        return Self.found(
            .digest, .notSafe, "\(to.name) holds other flows than \(from.name): their digests differ", on: to.name,
            "ctsync-ha resync peer")
    }

    func judgeLoss() -> Answer {
        guard let peer = situation.livePeer else { return .unknown }
        let ways: [(loss: UInt32?, from: String, to: String)] = [
            (situation.lossPerMille, peer.node.name, here), (peer.node.facts?.lossPerMille, here, peer.node.name),
        ]
        guard ways.contains(where: { $0.loss != nil }) else { return .unknown }
        return Self.sum(
            ways.compactMap { way in
                guard let loss = way.loss, loss >= Self.tolerableLoss else { return nil }
                return .init(
                    .loss, .doubtful,
                    "\(loss / 10).\(loss % 10) % of the datagrams from \(way.from) to \(way.to) are lost", on: way.to,
                    showLink)
            })
    }

    func judgeFacts() -> Answer {
        guard let peer = situation.livePeer else { return .unknown }
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
