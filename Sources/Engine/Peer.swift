internal import Bytes
internal import Conntrack
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// Another node, as this one knows it.
struct Peer {
    let sender: UInt32
    var name: String
    /// Whether it has told its name.
    var isNamed = false
    var incarnation: UInt64
    /// Datagrams in a row that an earlier run than this one has sent, while this one is silent.
    var olderRun: (incarnation: UInt64, sequence: UInt64, count: Int) = (0, 0, 0)
    var role: DatagramHeader.Role
    var term: UInt64
    var inSync: Bool
    var lastHeard: Instant
    var isSilent = false
    /// It said farewell: nothing is to be expected of it, and what it said until then stays true.
    var hasLeft = false
    /// The wire versions that it speaks, 0 until it has said so.
    var lowestVersion: UInt8 = 0
    var highestVersion: UInt8 = 0
    /// The key of its digests, once it has said so.
    var digestKey: SipHash.Key?
    /// What it told of its kernel, and when.
    var facts: NodeFacts?
    var factsAt: Instant = .origin
    var links: LinkChoice
    var sending: SendingSession
    var receiving: ReceivingSession
    /// Under which number its words on expectations stand; those on flows have the session's.
    var expectationOrigin: OriginID
    var proof = DigestExchange()

    /// When it is to hear of this node's progress at the latest, and when all links are to be probed.
    var heartbeatDue: Instant
    var probeDue: Instant
    /// An acknowledgement, a request or an answer is to go out this turn.
    var wantsControl = true
    /// The link that its flows came over last: acknowledgements go back there, whatever this node knows of its own.
    var answerLink: UInt8 = 0
    /// A part of a recall that it asked for.
    var recallRequest: RecallRequest?
    /// When it last acknowledged something, or had nothing to acknowledge.
    var progressAt: Instant

    /// Whether it claims the virtual addresses and says that it holds what its predecessor held.
    var isSyncedMaster: Bool { role == .master && inSync }

    /// Whether what was sent to it stays unacknowledged: the link in use may not carry.
    func isStuck(at now: Instant, patience: Instant.Span) -> Bool {
        !isSilent && !sending.isAcknowledged && now.since(progressAt) >= patience
    }
}

/// What decides about the flows of one datagram; taken from the peer once, since a peer is costly to copy.
struct Standing {
    let gapFree: UInt64
    let origin: OriginID
    let expectationOrigin: OriginID
    let bulk: UInt32
    let claimsMastership: Bool
    /// Flows of up to this version are sent by a repair, and not because they changed.
    let repairedUpTo: UInt64

    /// The peer's standing now.
    init(_ peer: borrowing Peer) {
        gapFree = peer.receiving.gapFree
        origin = peer.receiving.origin
        expectationOrigin = peer.expectationOrigin
        bulk = peer.receiving.bulk
        claimsMastership = peer.role.claimsMastership
        repairedUpTo = peer.proof.isRepairing ? peer.receiving.bulkEnd : 0
    }
}
