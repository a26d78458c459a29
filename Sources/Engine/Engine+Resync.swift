internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine

/// A rebuild of the internal cache from a kernel dump, by mark and sweep.
struct ResyncJob {
    /// What asked for it.
    enum Purpose: Equatable {
        /// The agent starts.
        case start
        /// Nobody asked: the kernel says nothing of a mere refresh, and nothing at all of flows that are older than
        /// the first listener (nf_conntrack_events 2). Slow, so that nothing else notices.
        case background
        /// The kernel dropped events.
        case overrun
        /// A takeover ended: what its commit did not write is found by the dump.
        case takeover
        /// The role machine or an operator asked.
        case asked(id: UInt64)
        /// All replicated flows of the kernel are to be deleted (`flush kernel`).
        case flush(id: UInt64)
    }

    /// A dump that the kernel broke off begins again after so long.
    static let retryDelay = Instant.Span.milliseconds(100)
    /// It begins again so often at most.
    static let retryLimit = 50

    /// Dumps in the background begin so long after the last dump of any kind.
    static let backgroundInterval = Instant.Span.seconds(120)
    /// They pause so long between two parts: some 20,000 flows a second.
    static let backgroundPause = Instant.Span.milliseconds(50)

    var purpose: Purpose
    /// Changes of the log up to here are older than the dump.
    var startVersion: UInt64
    /// When a dump that was broken off begins again; nil while one runs.
    var beginsAgain: Instant?
    var retries = 0
    var found = 0
    /// Of these, how many live by a lease and nobody told of yet.
    var leased = 0
    var missing = 0
    /// The dump is over, and the sweep stands at this slot.
    var sweepSlot: UInt32?
    /// Nothing to read at the moment.
    var isWaiting = false
    /// When a dump in the background goes on.
    var pausedUntil: Instant = .origin
    /// An overrun came while the dump ran: it begins again when it is over.
    var again = false
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Begins a dump, or lets the one that runs begin again when it is over.
    mutating func beginResync(_ purpose: ResyncJob.Purpose) {
        if let job = resyncJob, purpose == .overrun, job.purpose != .background {
            resyncJob?.again = true
            return
        }
        if case .asked(let id)? = resyncJob?.purpose { answer(id, .refused("another dump took its place; ask again")) }
        log.beginRound()
        external.beginRound()
        kernel.beginDump()
        resyncJob = ResyncJob(purpose: purpose, startVersion: log.latestVersion)
    }

    /// Reads the next parts of a dump, then sweeps what it did not show.
    mutating func continueResync(at now: Instant) {
        if resyncJob == nil, backgroundDue <= now, commitJob == nil { beginResync(.background) }
        guard let job = resyncJob, job.pausedUntil <= now else { return }
        if let slot = job.sweepSlot { return sweep(from: slot, at: now) }
        if let due = job.beginsAgain {
            guard due <= now else { return }
            log.beginRound()
            external.beginRound()
            kernel.beginDump()
            resyncJob?.beginsAgain = nil
            resyncJob?.startVersion = log.latestVersion
            resyncJob?.found = 0
        }
        let timeouts = kernel.timeouts()
        for _ in 0..<Self.writeBatchesPerTurn {
            events.removeAll()
            let progress = kernel.readDump(into: &events)
            for index in events.events.indices {
                let event = events.events[index]
                takeDumped(event, timeouts, at: now)
            }
            takeExpectations(at: now)
            switch progress {
            case .more:
                resyncJob?.isWaiting = false
                if job.purpose == .background {
                    resyncJob?.pausedUntil = now + ResyncJob.backgroundPause
                    return
                }
            case .waiting:
                resyncJob?.isWaiting = true
                return
            case .finished:
                resyncJob?.sweepSlot = 0
                return
            case .interrupted:
                counters.count(.dumpsInterrupted)
                return repeatDump(at: now)
            case .failed:
                counters.count(.dumpsFailed)
                return repeatDump(at: now)
            }
        }
    }

    /// What a dump that was broken off did not show may still be there: nothing is swept, and it begins again.
    private mutating func repeatDump(at now: Instant) {
        guard let job = resyncJob, job.retries < ResyncJob.retryLimit else { return endResync(at: now) }
        resyncJob?.retries += 1
        resyncJob?.isWaiting = true
        resyncJob?.beginsAgain = now + ResyncJob.retryDelay
    }

    private mutating func takeDumped(_ event: FlowEvent, _ timeouts: ProtocolTimeouts, at now: Instant) {
        guard let job = resyncJob, passes(event.flow) else { return }
        resyncJob?.found += 1
        let original = event.flow.original
        if case .flush = job.purpose { return flushWrite(event.flow) }
        guard tracks || startsAsMaster else {
            if external.see(original) { return }
            if !log.holds(original), !(former?.holds(original) ?? false), remnants.find(original) == nil {
                // Of what an earlier run left, a lease tells what was a copy.
                let isCopy = CopyLease.covers(event.flow, timeouts)
                if isCopy { resyncJob?.leased += 1 }
                _ = remnants.insert(event.flow, Remnant(isCopy: isCopy))
            } else if log.holds(original) {
                log.observe(event.flow, [])
            }
            return
        }
        let held = log.entry(of: original)
        if let held, held.version > job.startVersion {
            // An event told of a later state than the dump; it is only marked as seen.
            if held.state != .tombstone { log.observe(event.flow, []) }
            return
        }
        var flow = withoutLease(event.flow, event.attributes)
        var traits = Self.traits(of: flow)
        var isNews = false
        if held == nil, case .takeover = job.purpose, settings.isHot, CopyLease.covers(flow, timeouts) {
            // A copy of the mastership before the last, which nobody has told of again yet.
            flow.timeout = timeouts.fullTimeout(of: flow)
            traits.insert(.leased)
        }
        if let held, held.state == .live {
            if held.traits.contains(.unverified) { verify(held.flow, event) }
            // An entry that waits for its sign of life is no less assured.
            if held.traits.contains(.renewed) { flow.status.formUnion(held.flow.status.intersection(.assured)) }
            // The peer gives it the larger of what it was told and its own full timeout: more than that is news.
            let foreseen = max(held.flow.timeout, timeouts.fullTimeout(of: flow))
            isNews = event.attributes.contains(.timeout) && flow.timeout > foreseen
        }
        if SequenceWatch.concerns(flow) { sequenceWatch.watch(original, at: now) }
        switch log.observe(flow, event.attributes, traits: traits) {
        case .inserted: counters.count(.internalCreated)
        case .changed: counters.count(.internalUpdated)
        case .refreshed: if isNews { log.announce(original) }
        }
    }

    /// Compares what a commit wrote with what the kernel shows: it drops some attributes in silence.
    private mutating func verify(_ written: Flow, _ event: FlowEvent) {
        noteShortfall(
            written, written.rareAttributes.intersection(event.attributes).subtracting(event.flow.rareAttributes))
        log.clear(.unverified, of: written.original)
    }

    private mutating func sweep(from first: UInt32, at now: Instant) {
        guard let job = resyncJob else { return }
        if case .flush(let id) = job.purpose {
            writeFlushed()
            answer(id, .done("\(job.found) flows deleted from the kernel table"))
            resyncJob = nil
            // The peers hold what was flushed; a bulk tells them what is left.
            if tracks { for place in peers.indices { beginBulk(to: place, at: now) } }
            return
        }
        let end = min(log.slotLimit, first + Self.slotsPerTurn)
        for slot in first..<max(first, end) where log.isMissing(at: slot, unchangedSince: job.startVersion) {
            guard let entry = log.entry(at: slot) else { continue }
            if addressesWent || entry.traits.contains(.lost) && now < networkWentUntil {
                // A demotion is on its way: what it took, the peers keep.
                log.lose(at: slot)
                resyncDue = max(networkWentUntil, now + ResyncJob.retryDelay)
                continue
            }
            log.destroy(entry.flow.original)
            resyncJob?.missing += 1
            counters.count(.internalDestroyed)
        }
        guard end >= log.slotLimit else {
            resyncJob?.sweepSlot = end
            return
        }
        if !tracks, settings.isHot { loseUnseenCopies() }
        if tracks {
            let gone = log.destroyUnseenExpectations(unchangedSince: job.startVersion)
            counters.count(.expectationsDestroyed, by: gone)
        }
        endResync(at: now)
    }

    private mutating func endResync(at now: Instant) {
        guard let job = resyncJob else { return }
        resyncJob = nil
        backgroundDue = now + ResyncJob.backgroundInterval
        renewal.arm(timeouts: kernel.timeouts(), at: now)
        counters.count(.resyncs)
        if job.purpose != .background { notices.append(.resynced(found: job.found, missing: job.missing)) }
        switch job.purpose {
        case .start:
            // What the machine asks for next, this dump has just told.
            dumpIsFresh = true
            startedAsMaster = startsAsMaster
            if !startedAsMaster { forsakeDumped() }
            for place in peers.indices { peers[place].sending.skip(&log) }
            perform(roles.dumpDone(truth: reconciler.truth.isKnown ? reconciler.truth.role : nil, at: now), at: now)
            dumpIsFresh = false
            if !tracks, job.leased > 0 { purge.arm(ownTerm: roles.terms.own, at: now) }
        case .takeover:
            // All that the kernel shows is in the log now; what the old mastership left is no longer apart.
            if tracks, job.sweepSlot != nil {
                forgetFormer()
                if settings.isHot { leaseEndSlot = 0 }
            }
        case .asked(let id):
            answer(
                id,
                job.sweepSlot != nil
                    ? .done("\(job.found) flows found in the kernel, \(job.missing) gone from it")
                    : .refused("the kernel broke the dump off each time; ask again"))
        case .overrun, .flush, .background:
            break
        }
        if job.again { beginResync(.overrun) }
    }

    /// Whether this node, whose first dump runs, is master: then what the dump shows is alive.
    private var startsAsMaster: Bool { isStarting && reconciler.truth.isKnown && reconciler.truth.role == .master }

    /// The node began its first dump as master and ends it as none: nobody knows any more what is a copy.
    private mutating func forsakeDumped() {
        for slot in 0..<log.slotLimit {
            guard let entry = log.entry(at: slot), entry.state != .tombstone, !entry.traits.contains(.seenNew) else {
                continue
            }
            log.forget(entry.flow.original)
            if remnants.find(entry.flow.original) == nil {
                _ = remnants.insert(entry.flow, Remnant(isCopy: false))
            }
        }
    }

    /// Collects a flow for deletion; own flows never come here.
    private mutating func flushWrite(_ flow: Flow) {
        if writes.isFull { writeFlushed() }
        writes.append(FlowWrite(.delete, flow))
    }

    private mutating func writeFlushed() {
        guard !writes.writes.isEmpty else { return }
        kernel.write(&writes)
        for write in writes.writes { log.forget(write.flow.original) }
        writes.removeAll()
    }
}
