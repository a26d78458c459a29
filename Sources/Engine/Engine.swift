internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
public import StateMachine
internal import SyncProtocol

/// One agent's engine: events and datagrams in, kernel writes and datagrams out, one turn at a time.
///
/// The engine owns the caches and the machines, interprets their actions, and reaches the world through its two ports
/// alone, so that the simulation runs what production runs. A turn does a bounded share of each task in a fixed order
/// and never waits; between turns the shell serves other descriptors. The files beside this one are the tasks:
///
/// | file | task |
/// |---|---|
/// | `+Intake` | kernel events into the internal cache |
/// | `+Peers` | who the peers are, and which of them leads |
/// | `+Links` | over which link, greetings and probes |
/// | `+Receiving` | datagrams into the external cache |
/// | `+Roles` | notifications, the role machine, its actions |
/// | `+Commit` | the external cache into the kernel |
/// | `+Expectations` | what helpers expect, on each of these ways |
/// | `+Digests`, `+Audit` | the proof that two nodes hold the same |
/// | `+Renewal` | entries whose timeout no packet moves, made anew |
/// | `+SequenceWatch` | what helpers shift in silence |
/// | `+Resync` | a dump against the internal cache, by mark and sweep |
/// | `+Copies` | the external cache in the kernel of a hot standby |
/// | `+Purge` | stale entries out of the kernel |
/// | `+Recall` | what peers hold, back to an unsynced master |
/// | `+Sending` | the change log into datagrams |
/// | `+Commands`, `+Report` | the operator |
public struct Engine<Kernel: KernelPort & ~Copyable, Link: LinkPort & ~Copyable>: ~Copyable {
    /// Kernel events taken in a turn at most: a millisecond or two of work.
    public static var eventsPerTurn: Int { 1024 }
    /// Datagrams taken, and sent, in a turn at most.
    public static var datagramsPerTurn: Int { 128 }
    /// Bytes of a received datagram at most; more than any link of Ethernet's size carries.
    public static var datagramCapacity: Int { 9216 }
    /// Batches of kernel writes in a turn at most: 512 flows, some milliseconds.
    public static var writeBatchesPerTurn: Int { 8 }
    /// Slots that a walk looks at in a turn at most.
    public static var slotsPerTurn: UInt32 { 65_536 }
    /// A heartbeat goes out this often.
    public static var heartbeatInterval: Instant.Span { .seconds(1) }
    /// … and this often while something is unacknowledged or asked for.
    public static var busyHeartbeatInterval: Instant.Span { .milliseconds(50) }
    /// How long a destroy is held that neither expired nor closed: a demotion destroys flows before anyone is told.
    public static var destroyHold: Instant.Span { .seconds(1) }
    /// Expectations of a peer at most; a kernel has some thousands (nf_conntrack_expect_max).
    public static var expectationLimit: Int { 65_536 }
    /// How long after its last word a silent master still counts as the one this node was in sync with.
    public static var syncMemory: Instant.Span { .seconds(15) }

    /// The kernel's table.
    public var kernel: Kernel
    /// The links to the peers.
    public var link: Link

    var settings: EngineSettings
    var log: ChangeLog
    /// The log that the last demotion ended: its flows are stale entries of this node's kernel.
    var former: ChangeLog?
    /// Entries of the kernel that were here when the agent was not watching; nobody knows whether they are copies.
    var remnants: KeyedTable<Flow, Remnant>
    var external: ExternalCache<Flow>
    var externalExpectations: ExternalCache<Expectation>
    /// The peers, in the order in which they appeared.
    var peers: [Peer] = []
    /// The sender number of the master that this node follows as a standby, or followed last.
    var leader: UInt32?
    /// Whether the leader said that it is in sync when it last was master, and this node has followed it since: a
    /// master steps down before its successor is told, and no longer speaks as one then.
    var leaderWasSynced = false
    /// Sessions with runs of peers, and leads, so far.
    var admissions: UInt64 = 0
    /// The walk that several peers ride along with.
    var shared = SharedWalk()
    /// The peer whose flows went first last turn.
    var firstServed = 0
    /// What is added up for the next request of a bulk.
    var offer: Offer?
    /// Where the walk over the former log stands that confirms what a bulk left out.
    var confirmSlot: UInt32 = 0
    var auditShare = AuditShare()
    /// What this node tells its peers of its kernel.
    var facts: NodeFacts?

    var reconciler: RoleReconciler
    var roles: RoleStateMachine
    var readiness: Readiness
    var purge: PurgeSchedule
    /// Whether this node, as master, may say that it holds what its predecessor held.
    var announcesInSync = false

    var commitJob: CommitJob?
    var resyncJob: ResyncJob?
    var purgeJob: PurgeJob?
    var recallJob: RecallJob?
    var absorption: Absorption?
    var leases = CopyLease()
    var copyRetry = CopyRetry()
    /// Where the walk stands that gives copies that were taken over their own timeouts.
    var leaseEndSlot: UInt32?
    var strictSlot: UInt32?
    var windows = WindowRenewal()
    var renewal = RenewalSchedule()
    var sequenceWatch = SequenceWatch()
    /// Flows of the last commit that the kernel took without some attribute, by attribute.
    var shortfall = CounterTable<FlowAttribute>()
    /// The first dump ended a moment ago.
    var dumpIsFresh = false
    /// The agent started on a node that was master: what its kernel holds is alive, and no copy.
    var startedAsMaster = false

    var sequence: UInt64 = 0
    var bulkNumber: UInt32 = 0
    /// When everyone is greeted on all links, and when on each of them at the latest.
    var helloDue: Instant = .origin
    var greetings: [Instant]
    var recallNumber: UInt32 = 0
    /// When the next recall may begin.
    var recallDue: Instant = .origin
    /// Recalls of this mastership that the kernel refused flows of.
    var refusedRecalls = 0
    /// Pages that have come since the last request.
    var pagesOfRequest = 0
    /// Until when a destroy is the work of an address or a link that went.
    var networkWentUntil: Instant = .origin
    /// Whether this node holds the virtual addresses, and whether it held them and does not any more.
    var holdsAddresses = false
    var addressesSince: Instant = .origin
    var addressesWent = false
    /// Whether it is known to hold none of them.
    var lacksAddresses = false
    /// Whether the kernel tells of flows that begin.
    var hearsNew = true
    /// When the log was last retired, and whether the addresses stayed: then packets may have kept its flows alive.
    var retiredAt: Instant = .origin
    var formerMayLive = false
    /// When the kernel is to be asked what it has kept.
    var resyncDue: Instant = .never
    /// When the next dump in the background begins.
    var backgroundDue: Instant = .never
    /// Events were lost, and the dump that finds them has not begun.
    var owesResync = false
    /// A peer that is no master has announced flows that a master may adopt.
    var wantsAdoption = false
    /// Flows that the sweep of this bulk has removed.
    var sweptFlows = 0

    var events: EventBatch
    var writes = WriteBatch()
    var copyDeletes = WriteBatch()
    var expectationWrites = ExpectationBatch()
    /// The flows of the recall's page that is read.
    var recalled = WriteBatch()
    var incoming: DatagramBatch?
    var outgoing: DatagramBatch
    var writer: DatagramWriter

    /// Events that the last turn took in: whether this is load.
    public internal(set) var eventsOfLastTurn = 0
    /// What has been counted since the start.
    public internal(set) var counters = CounterTable<EngineCounter>()
    /// What the shell must hear; it takes the notices after each turn.
    public internal(set) var notices: [EngineNotice] = []
    var waiting: [RoleWaiter] = []
    var notedRole = "starting"
    var lastTakeover: (result: TakeoverResult, at: Instant)?

    /// What is noted of an entry of the kernel that may be a copy.
    struct Remnant: BitwiseCopyable {
        /// Whether it is a copy for certain: this node announced it while it was master, or it lives by a lease.
        var isCopy: Bool
    }

    /// A `role` command that waits until its role is reached.
    struct RoleWaiter {
        let id: UInt64
        let role: Role
    }

    /// Makes an engine that has seen nothing; the first turn begins the first dump.
    public init(kernel: consuming Kernel, link: consuming Link, settings: EngineSettings, at now: Instant) {
        let payload = link.maximumPayload
        let linkCount = min(max(link.linkCount, 1), LinkChoice.limit)
        self.kernel = kernel
        self.link = link
        self.settings = settings
        greetings = Array(repeating: .origin, count: linkCount)
        log = ChangeLog(key: settings.hashKey, digestKey: settings.digestKey)
        former = nil
        remnants = KeyedTable(key: settings.hashKey)
        external = ExternalCache(key: settings.hashKey, limit: settings.externalLimit, isHot: settings.isHot)
        externalExpectations = ExternalCache(key: settings.hashKey, limit: Self.expectationLimit)
        reconciler = RoleReconciler(
            group: settings.group, members: settings.groupMembers, followsFirstMember: settings.followsFirstMember,
            at: now)
        roles = RoleStateMachine(storedTerm: settings.storedTerm, at: now)
        readiness = Readiness(kept: settings.keptReadiness, at: now)
        purge = PurgeSchedule(wait: settings.purgeTimeout)
        events = EventBatch(limit: Self.eventsPerTurn)
        incoming = DatagramBatch(limit: Self.datagramsPerTurn, datagramCapacity: Self.datagramCapacity)
        outgoing = DatagramBatch(limit: Self.datagramsPerTurn, datagramCapacity: Self.datagramCapacity)
        writer = DatagramWriter(capacity: min(payload, Self.datagramCapacity))
        self.kernel.leaveOut(settings.filter)
        beginResync(.start)
    }

    /// Does a bounded share of everything that waits.
    ///
    /// - Returns: when the next turn is due at the latest; `now` if work is left.
    public mutating func turn(at now: Instant) -> Instant {
        listenAsNeeded()
        takeEvents(at: now)
        takeDatagrams(at: now)
        if wantsAdoption { adoptExternal(at: now) }
        advanceRoles(at: now)
        resyncIfDue(at: now)
        continueResync(at: now)
        writeCopyDeletes()
        continueCopies(at: now)
        continueCommit(at: now)
        continueAbsorption(at: now)
        continuePurge(at: now)
        continueSweep(at: now)
        continueRecall(at: now)
        continueWindows(at: now)
        continueStrictWindows()
        continueTimeouts()
        continueRenewal(at: now)
        continueSequenceWatch(at: now)
        releaseDestroys(at: now)
        answerWaiters()
        answerBulkRequests(at: now)
        continueAudit(at: now)
        send(at: now)
        return nextTurn(after: now)
    }

    /// Whether the first dump has not ended.
    var isStarting: Bool { if case .starting = roles.state { true } else { false } }

    /// Whether the log has what this node knows: the first dump has ended, and copies that were taken over are in it.
    var logIsWhole: Bool { !isStarting && absorption == nil }

    /// Whether the engine tracks all that the kernel shows: it is master, or about to be.
    var tracks: Bool { roles.state.claimsMaster }

    private func nextTurn(after now: Instant) -> Instant {
        if eventsOfLastTurn >= Self.eventsPerTurn || commitJob != nil || purgeJob != nil || strictSlot != nil
            || absorption != nil || leaseEndSlot != nil || keepsCopies && external.hasDueCopies || renewal.isRunning
            || hasSweep || external.isAddingUp || auditShare.left > 0
            || offer?.isComplete == false
        {
            return now
        }
        if let job = resyncJob, !job.isWaiting, job.pausedUntil <= now { return now }
        var next = min(roles.nextDeadline, reconciler.nextDeadline, readiness.nextDeadline)
        // What stands in the way of a purge brings a turn when it goes.
        let mayPurge = !holdsAddresses && roles.twoMasters == nil
        next = min(next, mayPurge ? purge.nextDeadline : .never, resyncJob?.beginsAgain ?? .never, resyncDue)
        next = min(next, nextCopies(), sequenceWatch.nextDeadline, nextMarker(), auditShare.due)
        next = min(next, renewal.nextDeadline, resyncJob == nil ? backgroundDue : .never)
        if let paused = resyncJob?.pausedUntil, paused > now { next = min(next, paused) }
        if let held = log.oldestCondemnation { next = min(next, held + Self.destroyHold) }
        next = min(next, recallJob?.askAgain ?? nextRecall)
        if tracks, mayRenewWindows { next = min(next, windows.nextDeadline(at: now)) }
        for place in peers.indices {
            next = min(
                next, peers[place].receiving.nextDeadline,
                logIsWhole ? peers[place].proof.waiting?.until ?? .never : .never)
            if !peers[place].isSilent { next = min(next, peers[place].lastHeard + ReceivingSession.silence) }
        }
        return min(next, nextSend(after: now))
    }
}
