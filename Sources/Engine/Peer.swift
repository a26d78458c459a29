internal import Conntrack
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// The other node, as this one knows it.
struct Peer {
    let sender: UInt32
    var name: String
    /// Whether it has told its name.
    var isNamed = false
    var incarnation: UInt64
    var role: DatagramHeader.Role
    var term: UInt64
    var inSync: Bool
    /// Whether it said so when it last was master, and this node has followed it since: a master steps down before its
    /// successor is told, and no longer speaks as one then.
    var wasSyncedMaster = false
    var lastHeard: Instant
    var isSilent = false
    /// It said farewell: nothing is to be expected of it, and what it said until then stays true.
    var hasLeft = false
    /// The wire versions that it speaks, 0 until it has said so.
    var lowestVersion: UInt8 = 0
    var highestVersion: UInt8 = 0
    /// What it told of its kernel, and when.
    var facts: NodeFacts?
    var factsAt: Instant = .origin
    /// Where its last datagram came from, as the link numbers its sources.
    var source: UInt64
    var sending: SendingSession
    var receiving: ReceivingSession

    /// Whether the peer claims the virtual addresses and says that it holds what its predecessor held.
    var isSyncedMaster: Bool { role == .master && inSync }
}

/// What decides about the flows of one datagram; taken from the peer once, since a peer is costly to copy.
struct Standing {
    let gapFree: UInt64
    let era: UInt32
    let bulk: UInt32
    let claimsMastership: Bool

    /// The peer's standing now.
    init(_ peer: Peer) {
        gapFree = peer.receiving.gapFree
        era = peer.receiving.era
        bulk = peer.receiving.bulk
        claimsMastership = peer.role.claimsMastership
    }
}
