internal import Conntrack
internal import ControlProtocol
internal import Engine
internal import Failover
internal import StateMachine

extension PreflightSituation {
    /// What the data thread's report and this node's own facts say.
    ///
    /// - Parameter losses: datagrams that were missed lately, in a thousand, by peer.
    init(_ report: AgentReport, node: String, facts: NodeFacts?, losses: [String: UInt32]) {
        let engine = report.engine
        self.init(here: Node(name: node, role: .init(engineName: engine.role), facts: facts), links: report.links)
        // Not in the order in which they appeared, which is another one after each start.
        peers = engine.peers.sorted { $0.name < $1.name }.map { Peer($0, report, lossPerMille: losses[$0.name]) }
        wireVersions = (engine.wireVersions.lowerBound, engine.wireVersions.upperBound)
        foreignVersions = engine.counters[.datagramVersion]
        roleIsKnown = engine.roleKnown
        hasTwoMasters = engine.twoMasters?.isReported == true
        announcesInSync = engine.announcesInSync
        internalFlows = UInt64(engine.internalFlows)
        externalFlows = UInt64(engine.externalFlows)
        boundFlows = UInt64(engine.boundFlows)
    }
}

extension PreflightSituation.Peer {
    fileprivate init(_ peer: EngineReport.Peer, _ report: AgentReport, lossPerMille: UInt32?) {
        let now = report.at
        self.init(node: .init(name: peer.name, role: .init(engineName: peer.role), facts: peer.facts))
        silentFor = peer.isSilent ? now.since(peer.lastHeard).milliseconds / 1_000 : nil
        hasLeft = peer.hasLeft
        isFollowed = peer.isFollowing
        saysInSync = peer.saysInSync
        unacknowledged = peer.isAcknowledged ? 0 : peer.unacknowledged
        missing = peer.missing
        if let lowest = peer.lowestVersion, let highest = peer.highestVersion { versions = (lowest, highest) }
        factsAge = now.since(peer.factsAt).milliseconds / 1_000
        digestsAreEqual = peer.digest.map { $0.local == $0.remote }
        self.lossPerMille = lossPerMille
        silentLinks = report.silentLinks(of: peer)
    }
}

extension StatusReport.Role {
    fileprivate init(engineName: String) { self = Self(rawValue: engineName) ?? .starting }
}
