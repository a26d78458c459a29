internal import Conntrack
internal import ControlProtocol

/// What one node knows at one moment about itself, its peer and the link between them.
struct PreflightSituation {
    /// One of the two nodes.
    struct Node {
        var name: String
        var role: StatusReport.Role
        var facts: NodeFacts?
    }

    /// The other node, and what it said.
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
    }

    var here: Node
    var peer: Peer?
    var interface: String
    /// Why the link is away.
    var linkObstacle: String?
    var hasCarrier = true
    /// The wire versions that this node speaks.
    var wireVersions: (lowest: UInt8, highest: UInt8) = (1, 1)
    /// Datagrams of another wire version that were refused.
    var foreignVersions: UInt64 = 0
    /// Datagrams of the peer that were missed in the last minute, in a thousand.
    var lossPerMille: UInt32?
    var roleIsKnown = true
    var hasTwoMasters = false
    /// Whether this node, as master, holds what its predecessor held.
    var announcesInSync = true
    var internalFlows: UInt64 = 0
    var externalFlows: UInt64 = 0
    /// Flows that no other kernel can go on with.
    var boundFlows: UInt64 = 0

    /// The peer, if its agent is there: what another one said may be over.
    var livePeer: Peer? { peer.flatMap { $0.hasLeft || $0.silentFor != nil ? nil : $0 } }

    /// Whether the failover would be from this node to the peer; nil if there is not one master.
    var leavesHere: Bool? {
        guard let peer = livePeer else { return nil }
        switch (here.role.claimsMastership, peer.node.role.claimsMastership) {
        case (true, false): return true
        case (false, true): return false
        case (true, true), (false, false): return nil
        }
    }

    /// Master and next master.
    var failover: (from: Node, to: Node)? {
        guard let leavesHere, let peer = livePeer else { return nil }
        return leavesHere ? (here, peer.node) : (peer.node, here)
    }

    /// Flows that would have to go on elsewhere.
    var flows: UInt64 { leavesHere == false ? externalFlows : internalFlows }
}

extension StatusReport.Role {
    /// Whether it claims the virtual addresses.
    var claimsMastership: Bool { self == .master || self == .takingOver }
}
