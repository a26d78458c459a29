internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Flows from which on a commit leaves the group of NEW events: below, the dump afterwards would cost more.
    static var quietCommitSize: Int { 1_000 }

    /// Begins a commit; one that runs is abandoned, and goes on in the new one, since its flows left the cache.
    mutating func beginCommit(_ purpose: CommitJob.Purpose, inSync: Bool, at now: Instant) {
        if case .manual(let id)? = commitJob?.purpose { answer(id, .refused("a takeover began; it commits all")) }
        // Nobody else will say that they are gone by mistake: what the role took is written again.
        if case .takeover = purpose { pardonDestroys() }
        if purpose == .restoration, commitJob != nil { return }
        commitJob = CommitJob(purpose: purpose, started: now, isInSync: inSync)
        listUnwritten()
        switch purpose {
        case .takeover, .manual: shortfall = CounterTable()
        // What the takeover fell short of is still true.
        case .adoption, .restoration: break
        }
        if purpose == .restoration { commitJob?.pass = .lost }
        // No dump follows an adoption, so it goes unheard by nobody.
        if purpose != .adoption, purpose != .restoration {
            let size = commitJob?.slots?.count ?? external.count
            commitJob?.isQuiet = size >= Self.quietCommitSize
        }
        listenAsNeeded()
    }

    /// Writes the next flows of a commit.
    mutating func continueCommit(at now: Instant) {
        for _ in 0..<Self.writeBatchesPerTurn where commitJob != nil {
            if commitJob?.pass == .expectations {
                if !commitExpectations() { return endCommit(at: now) }
                continue
            }
            fillCommitBatch()
            if writes.writes.isEmpty {
                let round = commitJob?.rounds
                guard commitJob?.nextPass() == true else { return endCommit(at: now) }
                if commitJob?.rounds != round { listUnwritten() }
                continue
            }
            kernel.write(&writes)
            if writes.writes.first?.verb == .delete {
                counters.count(.flowsPurged, by: writes.writes.count)
                writes.removeAll()
            } else {
                settleCommitBatch()
            }
            if commitJob?.isForbidden == true { return endCommit(at: now) }
        }
    }

    /// Of what a hot standby has in its kernel already nothing is left to do.
    private mutating func listUnwritten() {
        if settings.isHot { commitJob?.slots = external.unwrittenSlots() }
    }

    /// Ends a commit between two batches; what it has not written stays in the external cache.
    mutating func cancelCommit() {
        guard commitJob != nil else { return }
        commitJob = nil
        listenAsNeeded()
    }

    private mutating func fillCommitBatch() {
        guard var job = commitJob else { return }
        writes.removeAll()
        let limit =
            switch job.pass {
            case .former: former?.slotLimit ?? 0
            case .lost: log.slotLimit
            default: job.slots.map { UInt32($0.count) } ?? external.slotLimit
            }
        let timeouts = kernel.timeouts()
        while job.nextSlot < limit, !writes.isFull {
            var slot = job.nextSlot
            job.nextSlot += 1
            if job.pass == .former {
                guard var flow = unnamedFormerFlow(at: slot) else { continue }
                if !hasParent(flow) { flow = flow.withoutMaster }
                flow.timeout = timeouts.takeoverTimeout(of: flow)
                writes.append(
                    job.isInSync
                        ? FlowWrite(.delete, flow)
                        : FlowWrite(.replace, flow, liberal: flow.tcp != nil, token: CommitJob.noSlot))
                continue
            }
            if job.pass == .lost {
                guard let entry = log.entry(at: slot), entry.state == .live, entry.traits.contains(.lost) else {
                    continue
                }
                var flow = hasParent(entry.flow) ? entry.flow : entry.flow.withoutMaster
                flow.timeout = timeouts.takeoverTimeout(of: flow)
                writes.append(FlowWrite(.create, flow, liberal: flow.tcp != nil, token: CommitJob.noSlot))
                continue
            }
            if let slots = job.slots { slot = slots[Int(slot)] }
            guard let entry = external.entry(at: slot), !entry.copy.isClean,
                job.pass.takes(entry.flow, refused: entry.refusal)
            else {
                continue
            }
            if entry.isFiltered {
                external.remove(at: slot)
                continue
            }
            // Most are news to this node.
            let isKnown = log.holds(entry.flow.original)
            if isKnown, localWins(over: entry.flow) {
                takeOut(slot)
                job.kept += 1
                counters.count(.commitKeptLocal)
                continue
            }
            let local = isKnown ? localFlow(entry.flow.original) : nil
            var flow = entry.flow
            if let local, !flow.status.contains(.assured) { flow = local }
            // A commit that is tried again is not to go back behind what the kernel carried meanwhile.
            if isKnown, let carried = carriedFlow(flow) { flow = carried }
            flow = flow.without(settings.leftOut)
            flow.timeout = timeouts.takeoverTimeout(of: flow)
            // An entry of the last mastership has stale windows: liberal alone does not cure them.
            let isStale =
                local != nil || former?.holds(flow.original) ?? false || entry.copy.contains(.isHeld)
                || settings.isHot && remnants.find(flow.original) != nil
            let verb: FlowWrite.Verb = isStale && job.purpose != .adoption ? .replace : .create
            if verb == .replace, !hasParent(flow) {
                // What is refused would be deleted all the same.
                if job.pass == .children {
                    external.refuse(at: slot, .notFound)
                    continue
                }
                flow = flow.withoutMaster
            }
            writes.append(FlowWrite(verb, flow, liberal: flow.tcp != nil, token: slot))
        }
        commitJob = job
    }

    /// Whether the flow whose helper expected this one is here, if there is one.
    func hasParent(_ flow: Flow) -> Bool { flow.master.map { log.holds($0) } ?? true }

    /// An entry that this node announced as master and that its successor has not named since.
    private func unnamedFormerFlow(at slot: UInt32) -> Flow? {
        guard let entry = former?.entry(at: slot), entry.state != .tombstone, !log.holds(entry.flow.original),
            external.entry(of: entry.flow.original) == nil
        else { return nil }
        return entry.flow
    }

    private mutating func settleCommitBatch() {
        var again = WriteBatch()
        var place = 0
        for index in writes.writes.indices {
            let write = writes.writes[index]
            guard let reason = writes.refused.reason(of: index, from: &place) else {
                adopt(write)
                continue
            }
            if reason == .exists { meet(write.flow.original) }
            if let retry = secondTry(of: write, after: reason) { again.append(retry) } else { settle(write, reason) }
        }
        writes.removeAll()
        guard !again.writes.isEmpty else { return }
        kernel.write(&again)
        place = 0
        for index in again.writes.indices {
            let write = again.writes[index]
            if let reason = again.refused.reason(of: index, from: &place) {
                settle(write, reason)
            } else {
                noteShortfall(of: write)
                adopt(write)
            }
        }
    }

    /// What is tried once more, and how: an entry that is in the way is replaced unless it lives here.
    private func secondTry(of write: FlowWrite, after reason: WriteRefusal) -> FlowWrite? {
        if reason == .notFound, [.orphans, .lost].contains(commitJob?.pass) || write.verb == .replace {
            return FlowWrite(.create, write.flow.withoutMaster, liberal: write.liberal, token: write.token)
        }
        // The helper's module is not here, or cannot be: the flow goes on, its transfers to come do not.
        if reason == .unsupported, !write.flow.extensions.helper.isNone {
            return FlowWrite(.create, write.flow.without(.helper), liberal: write.liberal, token: write.token)
        }
        guard commitJob?.purpose != .adoption, commitJob?.pass != .lost else { return nil }
        switch reason {
        case .exists where write.verb == .create && !localWins(over: write.flow):
            let flow = hasParent(write.flow) ? write.flow : write.flow.withoutMaster
            return FlowWrite(.replace, flow, liberal: write.liberal, token: write.token)
        case .busy, .again, .dying, .unsupported:
            return FlowWrite(.replace, write.flow, liberal: write.liberal, token: write.token)
        default:
            return nil
        }
    }

    /// Whether the entry that this node's own packets made, in both directions, is better than a copy.
    ///
    /// Another translation would break it. The same one made anew breaks nothing, and is better than windows that may
    /// be stale; but the end of an older connection is no copy of a newer one.
    private func localWins(over copy: Flow) -> Bool {
        if startedAsMaster, let held = log.entry(of: copy.original), held.state == .live {
            let found = held.flow
            return found.status.contains(.assured) || copy.isClosing && !found.isClosing
        }
        guard let local = localFlow(copy.original) else { return false }
        return local.reply != copy.reply || copy.isClosing && !local.isClosing
    }

    /// The assured flow that this node's own packets made, if it is here.
    func localFlow(_ original: Tuple) -> Flow? {
        guard let entry = log.entry(of: original), entry.state != .tombstone else { return nil }
        guard entry.traits.contains(.seenNew), !entry.traits.contains(.lost), entry.flow.status.contains(.assured)
        else { return nil }
        return entry.flow
    }

    /// What became of a flow since its packets come here, if they do.
    private func carriedFlow(_ copy: Flow) -> Flow? {
        guard let entry = log.entry(of: copy.original), entry.state == .live, entry.traits.contains(.carried),
            entry.flow.reply == copy.reply, entry.flow.status.contains(.assured)
        else { return nil }
        return entry.flow
    }

    /// Notes which attributes the kernel did not take of a flow that was tried once more.
    private mutating func noteShortfall(of write: FlowWrite) {
        guard write.token != CommitJob.noSlot, let entry = external.entry(at: write.token) else { return }
        let wanted = entry.flow.without(settings.leftOut)
        noteShortfall(wanted, wanted.differences(from: write.flow).intersection([.helper, .master]))
    }

    /// Notes attributes that this node's kernel did not take of a flow.
    mutating func noteShortfall(_ flow: Flow, _ attributes: FlowAttributes) {
        guard !attributes.isEmpty else { return }
        for attribute in attributes.list { shortfall.count(attribute) }
        if shortfall.total <= UInt64(CommitJob.namedLimit) { notices.append(.takenWithout(flow, attributes)) }
    }

    /// The flow is in the kernel: it moves from the external to the internal cache, in memory.
    private mutating func adopt(_ write: FlowWrite) {
        if write.token != CommitJob.noSlot { takeOut(write.token) }
        if log.observe(write.flow, .all, traits: Self.traits(of: write)) == .inserted {
            counters.count(.internalCreated)
        }
        commitJob?.written += 1
        counters.count(commitJob?.purpose == .adoption ? .flowsAdopted : .commitWritten)
    }

    /// Removes an entry that the kernel has now, so that no older word of it that comes late counts.
    mutating func takeOut(_ slot: UInt32) {
        guard let origin = external.entry(at: slot)?.origin else { return }
        let place = peers.indices.first { peers[$0].receiving.origin == origin }
        external.takeOut(at: slot, gapFree: place.map { peers[$0].receiving.gapFree } ?? .max)
    }

    private mutating func settle(_ write: FlowWrite, _ reason: WriteRefusal) {
        guard var job = commitJob else { return }
        defer { commitJob = job }
        if reason == .exists, job.purpose == .adoption || job.pass == .lost || localWins(over: write.flow) {
            // The flow is here already, with a life of its own.
            if write.token != CommitJob.noSlot { takeOut(write.token) }
            job.kept += 1
            counters.count(.commitKeptLocal)
            return
        }
        if write.token != CommitJob.noSlot { external.refuse(at: write.token, reason) }
        // Its parent may come yet, or its place become free: a later pass takes it in any case.
        if reason == .notFound, job.pass == .children { return }
        if reason == .exists, job.pass < .former { return }
        job.failed += 1
        counters.count(EngineCounter(commitRefusal: reason))
        if reason == .notPermitted { job.isForbidden = true }
        if job.named < CommitJob.namedLimit {
            job.named += 1
            notices.append(.refused(write.flow, reason))
        }
    }

    private mutating func endCommit(at now: Instant) {
        guard let job = commitJob else { return }
        commitJob = nil
        listenAsNeeded()
        external.shrinkIfEmpty()
        renewal.arm(timeouts: kernel.timeouts(), at: now)
        let tally = CommitTally(flows: job.written + (external.copies?.count ?? 0), failed: job.failed)
        let tolerated = (job.written + job.failed) * settings.commitTolerance / 10_000
        let succeeded = !job.isForbidden && job.failed <= tolerated
        switch job.purpose {
        case .takeover(let generation):
            if settings.isHot {
                absorption = absorption ?? Absorption()
                copyRetry = CopyRetry()
            }
            let actions =
                succeeded
                ? roles.commitFinished(tally, generation: generation, at: now)
                : roles.commitFailed(tally, generation: generation, at: now)
            perform(actions, at: now)
            // NEW events that came meanwhile went unheard.
            if absorption == nil { beginResync(.takeover) }
        case .manual(let id):
            let text = "\(job.written) flows committed, \(job.failed) refused, \(job.kept) left to local flows"
            answer(id, succeeded ? .done(text) : .refused(text))
            beginResync(.overrun)
        case .restoration:
            beginResync(.overrun)
        case .adoption:
            break
        }
        // What came behind the last round.
        if external.count > 0, absorption == nil, job.purpose != .adoption || job.isOvertaken { wantsAdoption = true }
    }
}

extension EngineCounter {
    /// The counter of a refusal at a commit.
    init(commitRefusal: WriteRefusal) {
        switch commitRefusal {
        case .exists: self = .commitExists
        case .notFound: self = .commitNotFound
        case .busy: self = .commitBusy
        case .unsupported: self = .commitUnsupported
        case .tableFull: self = .commitTableFull
        case .noSpace: self = .commitNoSpace
        case .invalid: self = .commitInvalid
        case .notPermitted: self = .commitNotPermitted
        case .dying: self = .commitDying
        case .again: self = .commitAgain
        case .other: self = .commitOther
        }
    }
}
