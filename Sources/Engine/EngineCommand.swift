public import Conntrack
public import Failover
public import StateMachine

/// What the shell asks of an engine between two turns.
public enum EngineCommand: Sendable {
    /// A failover manager spoke; `said`, where it is known, since scripts arrive inverted.
    case notify(RoleNotification, from: RoleSource, said: Instant? = nil)
    /// An operator chose a role; answered when it is reached.
    case choose(Role, id: UInt64)
    /// The manager decides again.
    case chooseAutomatically(id: UInt64)
    /// Which of the group's virtual addresses this node holds.
    case addresses(AddressPresence)
    /// The addresses of this node that are not virtual.
    case ownAddresses(Set<FlowFilter.OwnAddress>)
    /// An address or a link of this node went: what it destroyed is not to travel.
    case networkWent
    case commit(id: UInt64)
    case flush(FlushTarget, id: UInt64)
    case resyncKernel(id: UInt64)
    case resyncPeer(id: UInt64)
    case bulk(id: UInt64)
    case purge(id: UInt64)
    case resetExternal(id: UInt64)
    case resetInternal(id: UInt64)
    /// What this node's kernel is like, for the peers.
    case facts(NodeFacts)

    /// What is flushed.
    public enum FlushTarget: String, Sendable, CaseIterable {
        case `internal`
        case external
        case kernel
    }
}

/// What an engine tells the shell after a turn; rare enough for texts.
public enum EngineNotice: Sendable, Equatable {
    /// A command ended.
    case answered(id: UInt64, CommandOutcome)
    /// A notification was heard, and what became of it.
    case heard(RoleNotification, RoleHearing)
    /// The node's role changed.
    case roleChanged(from: String, to: String, source: RoleSource, term: UInt64)
    /// This term is to be stored before the next run.
    case storeTerm(UInt64)
    case takeover(TakeoverResult)
    /// Whether this node should win an election.
    case readiness(Readiness.Level)
    case twoMasters(TwoMasters)
    case twoMastersEnded
    case implausibleTerm(UInt64)
    case peerAppeared(name: String, incarnation: UInt64)
    case peerSilent(name: String)
    case peerReturned(name: String)
    /// The traffic to a peer goes over another link now.
    case linkMoved(peer: String, link: Int)
    /// A peer's bulk has ended; `buckets` is how many of all it sent, nil if it left none out.
    case bulkReceived(flows: Int, swept: Int, from: String, buckets: Int?)
    case recalled(flows: Int)
    case resynced(found: Int, missing: Int)
    /// This node's copy of the peer's log is not what the peer says; a repair is on its way.
    case diverged(version: UInt64)
    /// A repair changed this flow; only the first few of each are told.
    case repairedFlow(Flow, FlowAttributes)
    /// Both nodes hold the same again.
    case repaired(flows: Int)
    /// Stored flows were not as their changes had left them.
    case corrupted(buckets: Int)
    case overrun
    case purged(flows: Int)
    /// The kernel refused a flow at a commit; only the first few of each commit are told.
    case refused(Flow, WriteRefusal)
    /// The kernel took a flow without these attributes; only the first few of each commit are told.
    case takenWithout(Flow, FlowAttributes)
    /// The kernel refused an expectation at a commit.
    case expectationRefused(Expectation, WriteRefusal)
    /// Another node uses this node's name.
    case sameName
}

/// How a command ended.
public enum CommandOutcome: Sendable, Equatable {
    /// Done; the text says what.
    case done(String)
    /// Refused or failed; the text says why and what to do.
    case refused(String)
}
