internal import Replication
internal import StateMachine
internal import SyncProtocol

/// The other node, as this one knows it.
struct Peer {
    let sender: UInt32
    var name: String
    var incarnation: UInt64
    var role: DatagramHeader.Role
    var term: UInt64
    var inSync: Bool
    var lastHeard: Instant
    var isSilent = false
    /// Where its last datagram came from, as the link numbers its sources.
    var source: UInt64
    /// Whether, when the peer was last heard as master, this node had followed it completely and it was in sync itself.
    ///
    /// A master that steps down says nothing of that any more, and its successor must still know.
    var heldAll = false
    var sending: SendingSession
    var receiving: ReceivingSession

    /// Whether the peer claims the virtual addresses and says that it holds what its predecessor held.
    var isSyncedMaster: Bool { role == .master && inSync }
}
