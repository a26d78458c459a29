import Conntrack
import ControlProtocol

@testable import Agent

/// A pair of nodes that is well: r1 is master, r2 is backup.
enum Pair {
    static let helpers = ["ftp", "sip"].compactMap { KernelName($0) }

    static let facts: NodeFacts = {
        var facts = NodeFacts()
        facts.entries = 20
        facts.limit = 262_144
        facts.buckets = 262_144
        facts.tracksPackets = true
        facts.setsLabels = false
        facts.setsZones = false
        facts.events = .always
        facts.isLoose = false
        facts.isLiberal = false
        facts.verifiesChecksums = true
        facts.timeouts = TimeoutSetting.allCases.map { ProtocolTimeouts()[$0] }
        facts.helpers = helpers
        facts.lossPerMille = 0
        return facts
    }()

    /// What r1 knows.
    static let fromMaster: PreflightSituation = {
        var situation = PreflightSituation(
            here: .init(name: "r1", role: .master, facts: facts), links: [.init(interface: "sync0")])
        var peer = PreflightSituation.Peer(node: .init(name: "r2", role: .backup, facts: facts))
        peer.saysInSync = true
        peer.versions = (1, 1)
        peer.lossPerMille = 0
        situation.peers = [peer]
        situation.internalFlows = 100_000
        return situation
    }()

    /// What r2 knows.
    static let fromBackup: PreflightSituation = {
        var situation = fromMaster
        situation.here.name = "r2"
        situation.here.role = .backup
        situation.peer?.node.name = "r1"
        situation.peer?.node.role = .master
        situation.peer?.isFollowed = true
        situation.announcesInSync = false
        situation.internalFlows = 0
        situation.externalFlows = 100_000
        return situation
    }()
}

extension PreflightSituation {
    /// The only peer.
    var peer: Peer? {
        get { peers.first }
        set { peers = newValue.map { [$0] } ?? [] }
    }
}
