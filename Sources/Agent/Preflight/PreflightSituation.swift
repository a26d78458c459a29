internal import Conntrack
internal import ControlProtocol

/// What one node knows at one moment about itself, its peers and the links between them.
struct PreflightSituation {
    /// One of the nodes.
    struct Node {
        var name: String
        var role: StatusReport.Role
        var facts: NodeFacts?
    }

    /// Another node, and what it said.
    struct Peer {
        var node: Node
        /// Seconds since it was last heard, if that is too long ago.
        var silentFor: UInt64?
        var hasLeft = false
        /// Whether this node has held all of its flows, and follows it since.
        var isFollowed = false
        /// Whether it says that it holds what the last master held, or that it follows such a master.
        var saysInSync = false
        /// Changes that it has not confirmed.
        var unacknowledged: UInt64 = 0
        /// Changes that it has sent and this node does not hold.
        var missing: UInt64 = 0
        /// The wire versions that it speaks.
        var versions: (lowest: UInt8, highest: UInt8)?
        /// Seconds since it told its facts.
        var factsAge: UInt64 = 0
        /// Whether the latest comparison of digests found both sides equal; nil: nothing was compared.
        var digestsAreEqual: Bool?
        /// Datagrams of it that were missed here in the last minute, in a thousand.
        var lossPerMille: UInt32?

        /// Links of use that do not carry between it and this node, each with why.
        var silentLinks: [(link: AgentReport.Link, what: String)] = []

        /// Whether its agent is there: what another one said may be over.
        var isLive: Bool { !hasLeft && silentFor == nil }
    }

    /// A failover that may come: from the master to a node that stands by.
    struct Failover {
        /// How this node takes part.
        enum Way {
            /// From here to the peer.
            case fromHere(Peer)
            /// From the peer to here.
            case toHere(Peer)
            /// From one peer to another.
            case between(Peer, Peer)
        }

        var from: Node
        var to: Node
        var way: Way
    }

    var here: Node
    var peers: [Peer] = []
    var links: [AgentReport.Link]
    /// The wire versions that this node speaks.
    var wireVersions: (lowest: UInt8, highest: UInt8) = (1, 1)
    /// Datagrams of another wire version that were refused.
    var foreignVersions: UInt64 = 0
    var roleIsKnown = true
    var hasTwoMasters = false
    /// Whether this node, as master, holds what its predecessor held.
    var announcesInSync = true
    var internalFlows: UInt64 = 0
    var externalFlows: UInt64 = 0
    /// Flows that no other kernel can go on with.
    var boundFlows: UInt64 = 0

    /// The peers whose agents are there.
    var livePeers: [Peer] { peers.filter(\.isLive) }

    /// This node, and the peers whose agents are there.
    var liveNodes: [Node] { [here] + livePeers.map(\.node) }

    /// Every failover that may come, since who is elected then is not the agent's to say; none if there is not one
    /// master.
    var failovers: [Failover] {
        let masters = livePeers.filter(\.node.role.claimsMastership)
        if here.role.claimsMastership {
            guard masters.isEmpty else { return [] }
            return livePeers.map { Failover(from: here, to: $0.node, way: .fromHere($0)) }
        }
        guard masters.count == 1, let master = masters.first else { return [] }
        return [Failover(from: master.node, to: here, way: .toHere(master))]
            + livePeers.filter { !$0.node.role.claimsMastership }
            .map { Failover(from: master.node, to: $0.node, way: .between(master, $0)) }
    }

    /// Flows that would have to go on elsewhere.
    var flows: UInt64 {
        if case .toHere = failovers.first?.way { externalFlows } else { internalFlows }
    }
}

extension StatusReport.Role {
    /// Whether it claims the virtual addresses.
    var claimsMastership: Bool { self == .master || self == .takingOver }
}
