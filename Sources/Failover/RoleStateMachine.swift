public import StateMachine

/// Carries a node from role to role and says what each step asks for.
///
/// Who is master is decided by the failover manager; `RoleReconciler` says what it decided. Notifications come late,
/// twice and inverted, so a wish that changes nothing asks for nothing but a check.
///
/// | in state    | on              | asks for                                                     | goes to  |
/// |-------------|-----------------|--------------------------------------------------------------|----------|
/// | starting    | any wish        | nothing: the latest wish is remembered                       | same     |
/// | starting    | dump done       | resync internal, hello, request bulk                         | truth's  |
/// | backup      | promote         | cancel purge, take term, commit                              | taking over |
/// | backup      | demote          | check truth                                                  | same     |
/// | backup      | fail            | set readiness                                                | fault    |
/// | taking over | commit finished | announce master, bulk, publish result, restore timeouts      | master   |
/// | taking over | commit failed   | the same, announced as not in sync; later retry commit       | master   |
/// | taking over | promote         | check truth                                                  | same     |
/// | taking over | demote, fail    | cancel commit, then as master                                | backup, fault |
/// | master      | demote          | cancel commit, send unsent, request resync, arm purge        | backup   |
/// | master      | fail            | the same; readiness hears fault                              | fault    |
/// | master      | promote         | check truth                                                  | same     |
/// | master      | a retry ended   | publish result; announce in sync, or retry again             | same     |
/// | fault       | demote          | resync internal, request bulk                                | backup   |
/// | fault       | promote         | as backup                                                    | taking over |
/// | fault       | fail            | check truth                                                  | same     |
/// | any         | a peer claims master | report two masters, once it outlasts a handover         | same     |
///
/// A master that was not in sync sends a recall where another sends its bulk, and the bulk when the recall has ended.
/// Strict windows come back `liberalSpan` after the commit. Each new role is told to readiness.
/// The truth at the end of the dump is the reconciled one, else the latest wish, else backup. Commits are fenced by a
/// *generation*: what comes in for another generation than the current one is ignored. The caller of a verb carries
/// its actions out in order, and calls `advance(to:)` when `nextDeadline` has come.
public struct RoleStateMachine: Equatable, Sendable {
    /// The longest wait for the answers to a recall: twice what a bulk of a million flows may take.
    public static let recallLimit = Instant.Span.seconds(10)
    /// How long committed flows keep liberal windows: one second was enough for every flow under load and loss.
    public static let liberalSpan = Instant.Span.seconds(2)
    /// The wait before a failed commit is tried again: memory and table space come back as other flows expire.
    public static let retryDelay = Instant.Span.seconds(1)
    /// How often a failed commit is tried again.
    public static let retryLimit = 3
    /// How long two masters may be a handover: keepalived was seen with two for 0.77 s.
    public static let handoverSpan = Instant.Span.seconds(1)
    /// How many peers' claims are remembered; a node with more masters around has the same trouble.
    public static let claimLimit = 16

    /// Where the node stands.
    public internal(set) var state = RoleState.starting(wish: nil)
    /// Since when.
    public internal(set) var since: Instant
    /// The terms taken and heard.
    public internal(set) var terms: TermLedger
    /// The other master, if there is one.
    public internal(set) var twoMasters: TwoMasters?

    /// Peers that claim to be master, without this node.
    var claims: [Claim] = []
    /// The generation of the latest commit.
    private var generation: UInt64 = 0

    /// A peer that says it is master.
    struct Claim: Equatable {
        let peer: UInt64
        var term: UInt64
    }

    /// Makes the machine of a run that starts now, with the term that the last run stored (0 if there is none).
    public init(storedTerm: UInt64, at now: Instant) {
        since = now
        terms = TermLedger(stored: storedTerm)
    }

    /// The earliest instant at which `advance(to:)` has something to do, or `never`.
    public var nextDeadline: Instant {
        var deadline = Instant.never
        if let twoMasters, !twoMasters.isReported { deadline = twoMasters.since + Self.handoverSpan }
        guard case .master(let mastership) = state else { return deadline }
        deadline = min(deadline, mastership.recallEnds, mastership.strictWindowsDue)
        if case .waiting(let due, _) = mastership.retry { deadline = min(deadline, due) }
        return deadline
    }
}

// MARK: - Wishes

extension RoleStateMachine {
    /// Follows the reconciled role; `inSync` says whether the external cache is in sync with the master now.
    public mutating func follow(_ role: Role, inSync: Bool, at now: Instant) -> ActionList<RoleAction> {
        switch role {
        case .master: promote(inSync: inSync, at: now)
        case .backup: demote(at: now)
        case .fault: fail(at: now)
        }
    }

    /// This node is to be master; `inSync` says whether the external cache is in sync with the master now.
    public mutating func promote(inSync: Bool, at now: Instant) -> ActionList<RoleAction> {
        var actions = ActionList<RoleAction>()
        switch state {
        case .starting: state = .starting(wish: .master)
        case .backup, .fault: takeOver(inSync: inSync, at: now, &actions)
        case .takingOver, .master: actions.append(.checkTruth)
        }
        return actions
    }

    /// This node is to stand by.
    public mutating func demote(at now: Instant) -> ActionList<RoleAction> {
        var actions = ActionList<RoleAction>()
        switch state {
        case .starting: state = .starting(wish: .backup)
        case .backup: actions.append(.checkTruth)
        case .takingOver(let takeover): stepDown(to: .backup, from: takeover.generation, at: now, &actions)
        case .master(let mastership): stepDown(to: .backup, from: mastership.generation, at: now, &actions)
        case .fault:
            actions.append(.resyncInternal)
            actions.append(.requestBulk)
            actions.append(.setReadiness(.backup))
            enter(.backup, at: now, &actions)
        }
        return actions
    }

    /// This node cannot serve.
    public mutating func fail(at now: Instant) -> ActionList<RoleAction> {
        var actions = ActionList<RoleAction>()
        switch state {
        case .starting: state = .starting(wish: .fault)
        case .backup:
            actions.append(.setReadiness(.fault))
            enter(.fault, at: now, &actions)
        case .takingOver(let takeover): stepDown(to: .fault, from: takeover.generation, at: now, &actions)
        case .master(let mastership): stepDown(to: .fault, from: mastership.generation, at: now, &actions)
        case .fault: actions.append(.checkTruth)
        }
        return actions
    }

    /// The first kernel dump is done; `truth` is the reconciled role, `nil` if no source has said anything.
    ///
    /// A restarted agent holds no copies yet, so a node that starts as master was not in sync.
    public mutating func dumpDone(truth: Role?, at now: Instant) -> ActionList<RoleAction> {
        guard case .starting(let wish) = state else { return ActionList() }
        var actions = ActionList<RoleAction>(.resyncInternal, .hello, .requestBulk)
        switch truth ?? wish ?? .backup {
        case .master: takeOver(inSync: false, at: now, &actions)
        case .backup:
            actions.append(.setReadiness(.backup))
            enter(.backup, at: now, &actions)
        case .fault:
            actions.append(.setReadiness(.fault))
            enter(.fault, at: now, &actions)
        }
        return actions
    }

    private mutating func takeOver(inSync: Bool, at now: Instant, _ actions: inout ActionList<RoleAction>) {
        generation += 1
        actions.append(.cancelPurge)
        actions.append(.takeTerm(terms.takeNext()))
        actions.append(.commit(generation: generation))
        enter(.takingOver(.init(generation: generation, inSync: inSync, promoted: now)), at: now, &actions)
    }

    private mutating func stepDown(
        to role: Role, from generation: UInt64, at now: Instant, _ actions: inout ActionList<RoleAction>
    ) {
        actions.append(.cancelCommit(generation: generation))
        actions.append(.sendUnsent)
        actions.append(.requestResync)
        actions.append(.armPurge(ownTerm: terms.own))
        actions.append(.setReadiness(role))
        enter(role == .fault ? .fault : .backup, at: now, &actions)
    }

    private mutating func enter(_ next: RoleState, at now: Instant, _ actions: inout ActionList<RoleAction>) {
        state = next
        since = now
        reviewClaims(at: now, &actions)
    }
}

// MARK: - The commit

extension RoleStateMachine {
    /// The commit of a generation wrote everything, or all but what the tolerance allows.
    public mutating func commitFinished(
        _ tally: CommitTally, generation: UInt64, at now: Instant
    ) -> ActionList<RoleAction> {
        commitEnded(tally, succeeded: true, generation: generation, at: now)
    }

    /// The commit of a generation could not be done, or the kernel refused more than the tolerance allows.
    public mutating func commitFailed(
        _ tally: CommitTally, generation: UInt64, at now: Instant
    ) -> ActionList<RoleAction> {
        commitEnded(tally, succeeded: false, generation: generation, at: now)
    }

    /// Every peer asked has given the flows it holds, or cannot.
    public mutating func recallFinished(at now: Instant) -> ActionList<RoleAction> {
        guard case .master(var mastership) = state, mastership.recallEnds != .never else { return ActionList() }
        mastership.recallEnds = .never
        state = .master(mastership)
        return ActionList(.bulk)
    }

    /// Does what has become due.
    public mutating func advance(to now: Instant) -> ActionList<RoleAction> {
        var actions = ActionList<RoleAction>()
        reportClaims(at: now, &actions)
        guard case .master(var mastership) = state else { return actions }
        if mastership.recallEnds <= now {
            mastership.recallEnds = .never
            actions.append(.bulk)
        }
        if mastership.strictWindowsDue <= now {
            mastership.strictWindowsDue = .never
            actions.append(.restoreStrictWindows(generation: mastership.generation))
        }
        if case .waiting(let due, let tries) = mastership.retry, due <= now {
            generation += 1
            mastership.generation = generation
            mastership.retry = .running(tries: tries + 1)
            actions.append(.retryCommit(generation: generation))
        }
        state = .master(mastership)
        return actions
    }

    private mutating func commitEnded(
        _ tally: CommitTally, succeeded: Bool, generation: UInt64, at now: Instant
    ) -> ActionList<RoleAction> {
        switch state {
        case .takingOver(let takeover) where takeover.generation == generation:
            return becomeMaster(after: takeover, tally, succeeded: succeeded, at: now)
        case .master(let mastership) where mastership.generation == generation:
            return retryEnded(of: mastership, tally, succeeded: succeeded, at: now)
        case .starting, .backup, .takingOver, .master, .fault: return ActionList()
        }
    }

    private mutating func becomeMaster(
        after takeover: RoleState.Takeover, _ tally: CommitTally, succeeded: Bool, at now: Instant
    ) -> ActionList<RoleAction> {
        var mastership = RoleState.Mastership(
            generation: takeover.generation, inSync: takeover.inSync, promoted: takeover.promoted,
            isCommitted: succeeded)
        mastership.strictWindowsDue = now + Self.liberalSpan
        if !succeeded { mastership.retry = .waiting(due: now + Self.retryDelay, tries: 0) }
        var actions = ActionList<RoleAction>(.announceMaster(inSync: mastership.mayAnnounceInSync))
        if takeover.inSync {
            actions.append(.bulk)
        } else {
            // At the end of a bulk a peer forgets what the bulk did not name: what it alone still holds comes first.
            mastership.recallEnds = now + Self.recallLimit
            actions.append(.recall)
        }
        actions.append(.publishResult(result(of: mastership, tally, succeeded: succeeded, tries: 0, at: now)))
        actions.append(.restoreTimeouts(generation: takeover.generation))
        actions.append(.setReadiness(.master))
        enter(.master(mastership), at: now, &actions)
        return actions
    }

    private mutating func retryEnded(
        of mastership: RoleState.Mastership, _ tally: CommitTally, succeeded: Bool, at now: Instant
    ) -> ActionList<RoleAction> {
        guard case .running(let tries) = mastership.retry else { return ActionList() }
        var mastership = mastership
        var actions = ActionList<RoleAction>(
            .publishResult(result(of: mastership, tally, succeeded: succeeded, tries: tries, at: now)),
            .restoreTimeouts(generation: mastership.generation))
        mastership.strictWindowsDue = now + Self.liberalSpan
        if succeeded {
            mastership.retry = .none
            mastership.isCommitted = true
            if mastership.inSync {
                actions.append(.announceMaster(inSync: true))
                // Peers forget nothing by the bulk of a master that was not in sync, and prove nothing by it.
                actions.append(.bulk)
            }
        } else if tries < Self.retryLimit {
            mastership.retry = .waiting(due: now + Self.retryDelay, tries: tries)
        } else {
            mastership.retry = .none
        }
        state = .master(mastership)
        return actions
    }

    private func result(
        of mastership: RoleState.Mastership, _ tally: CommitTally, succeeded: Bool, tries: Int, at now: Instant
    ) -> TakeoverResult {
        TakeoverResult(
            succeeded: succeeded, tally: tally, duration: now.since(mastership.promoted), inSync: mastership.inSync,
            tries: tries)
    }
}
