internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Follows the reconciled role, and lets the machines do what has become due.
    mutating func advanceRoles(at now: Instant) {
        reconciler.advance(to: now)
        followTruth(at: now)
        perform(roles.advance(to: now), at: now)
        publish(readiness.advance(to: now))
        watchPeers(at: now)
        // Who holds the addresses carries the traffic, whatever the manager said: nothing here is stale then.
        if !holdsAddresses, purge.takeIfDue(twoMasters: roles.twoMasters != nil, at: now) {
            beginPurge(id: nil)
        }
    }

    /// Carries the role machine to the role that the sources of truth agree on.
    mutating func followTruth(at now: Instant) {
        let wanted = reconciler.truth.role
        let reached: Bool =
            switch roles.state {
            case .starting(let wish): reconciler.truth.isKnown ? wish == wanted : true
            case .backup: wanted == .backup
            case .takingOver, .master: wanted == .master
            case .fault: wanted == .fault
            }
        if !reached { perform(roles.follow(wanted, inSync: isInSync(at: now), at: now), at: now) }
    }

    /// Whether a takeover now would find all flows of the last master here.
    func isInSync(at now: Instant) -> Bool {
        guard let place = leaderPlace, peers[place].receiving.isFollowing else { return false }
        return leaderWasSynced && now.since(peers[place].lastHeard) < Self.syncMemory
    }

    /// Whether this mastership began in sync.
    private var wasPromotedInSync: Bool {
        switch roles.state {
        case .takingOver(let takeover): takeover.inSync
        case .master(let mastership): mastership.inSync
        case .starting, .backup, .fault: false
        }
    }

    /// Interprets what the role machine asks for.
    mutating func perform(_ actions: ActionList<RoleAction>, at now: Instant) {
        for action in actions { perform(action, at: now) }
        noteRole()
    }

    private mutating func perform(_ action: RoleAction, at now: Instant) {
        switch action {
        case .resyncInternal:
            if resyncJob == nil, !dumpIsFresh { beginResync(.overrun) }
        case .hello, .checkTruth:
            helloDue = now
            hurryHeartbeats(at: now)
        case .requestBulk:
            if settings.startupResync { requestBulks(at: now) }
        case .requestResync:
            requestBulks(at: now)
        case .takeTerm(let term):
            // From here on no peer has anything newer than this node.
            leader = nil
            leaderWasSynced = false
            offer = nil
            external.followNobody()
            hurryHeartbeats(at: now)
            notices.append(.storeTerm(term))
        case .commit(let generation), .retryCommit(let generation):
            // Packets that came here before the word keep entries alive that nobody names.
            let cameEarly = holdsAddresses && now.since(addressesSince) > Self.destroyHold
            beginCommit(
                .takeover(generation: generation), inSync: wasPromotedInSync && !formerMayLive && !cameEarly, at: now)
        case .cancelCommit:
            cancelCommit()
            recallJob = nil
            strictSlot = nil
        case .announceMaster(let inSync):
            announcesInSync = inSync
            refusedRecalls = 0
            hurryHeartbeats(at: now)
        case .recall:
            beginRecall(at: now)
            // What the commit adopted is no change to peers that held it: who holds nothing asks for it at once.
            absorption?.owesBulk = true
            for place in peers.indices where absorption == nil {
                beginBulk(to: place, heldUntil: now + RoleStateMachine.recallLimit, at: now)
            }
        case .bulk:
            if absorption == nil { beginBulks(at: now) } else { absorption?.owesBulk = true }
        case .publishResult(let result):
            lastTakeover = (result, now)
            notices.append(.takeover(result))
        case .restoreTimeouts:
            // A cold standby's commit writes full timeouts; nothing was parked.
            break
        case .renewWindows:
            windows.arm(at: now)
        case .restoreStrictWindows:
            if absorption == nil { strictSlot = 0 } else { absorption?.owesStrictWindows = true }
        case .sendUnsent:
            announcesInSync = false
            startedAsMaster = false
            send(at: now)
            retireLog(at: now)
            external.outdateCopies()
            retiredAt = now
            formerMayLive = holdsAddresses
        case .armPurge(let ownTerm):
            purge.arm(ownTerm: ownTerm, at: now)
        case .cancelPurge:
            purge.cancel()
            purgeJob = nil
        case .setReadiness(let role):
            publish(readiness.reached(role, at: now))
        case .reportTwoMasters(let masters):
            notices.append(.twoMasters(masters))
        case .reportTwoMastersEnded:
            notices.append(.twoMastersEnded)
        case .reportImplausibleTerm(_, let term):
            notices.append(.implausibleTerm(term))
        }
    }

    /// Tells the shell of a new level of readiness.
    mutating func publish(_ level: Readiness.Level?) {
        if let level { notices.append(.readiness(level)) }
    }

    /// Tells the shell of a new role, once.
    private mutating func noteRole() {
        let name = roles.state.reportName
        guard name != notedRole else { return }
        notices.append(
            .roleChanged(from: notedRole, to: name, source: reconciler.truth.source, term: roles.terms.own))
        notedRole = name
        hurryHeartbeats(at: .origin)
    }

    /// Asks every peer for a bulk; what it holds already costs little.
    private mutating func requestBulks(at now: Instant) {
        for place in peers.indices { peers[place].receiving.requestBulk(at: now) }
    }

    /// Answers the `role` commands whose role is reached.
    mutating func answerWaiters() {
        guard !waiting.isEmpty else { return }
        let state = roles.state
        waiting.removeAll { waiter in
            switch (waiter.role, state) {
            case (.master, .master(let mastership)):
                let text =
                    lastTakeover.map { "\($0.result.tally.flows) flows, \($0.result.tally.failed) refused" } ?? ""
                notices.append(
                    .answered(
                        id: waiter.id,
                        mastership.isCommitted
                            ? .done("master: \(text)") : .refused("master, but the commit failed: \(text)")))
                return true
            case (.backup, .backup), (.fault, .fault):
                notices.append(.answered(id: waiter.id, .done(state.reportName)))
                return true
            default:
                // A manager that spoke since has taken the decision away.
                guard reconciler.truth.role != waiter.role else { return false }
                notices.append(
                    .answered(
                        id: waiter.id, .refused("a manager has spoken: \(reconciler.truth.role.rawValue)")))
                return true
            }
        }
    }

    /// Puts a command's end where the shell finds it.
    mutating func answer(_ id: UInt64, _ outcome: CommandOutcome) {
        notices.append(.answered(id: id, outcome))
    }
}
