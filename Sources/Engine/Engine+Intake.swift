internal import Conntrack
internal import Replication
internal import StateMachine

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Takes in the events of the kernel that wait.
    mutating func takeEvents(at now: Instant) {
        events.removeAll()
        kernel.receive(into: &events)
        eventsOfLastTurn = events.events.count
        if events.overran {
            counters.count(.overruns)
            notices.append(.overrun)
            owesResync = true
        }
        for index in events.events.indices {
            let event = events.events[index]
            take(event, at: now)
        }
        takeExpectations(at: now)
        if owesResync, !events.isFull {
            // What was lost is found by a dump; one that runs already may have passed it. It begins behind the events
            // that waited: the log takes what comes after its beginning for newer than what it shows.
            owesResync = false
            beginResync(.overrun)
        }
    }

    private mutating func take(_ event: FlowEvent, at now: Instant) {
        // Whoever wrote has told the caches already; an echo is never sent.
        guard event.origin == .kernel else {
            counters.count(.eventsOurs)
            if event.kind == .new { takeEcho(event.flow) }
            return
        }
        guard passes(event.flow) else { return }
        if tracks, external.hasCopies { absorb(event.flow.original) }
        switch event.kind {
        case .new:
            counters.count(.eventsNew)
            takeNew(event.flow, at: now)
        case .update:
            counters.count(.eventsUpdate)
            takeUpdate(event.flow, event.attributes, at: now)
        case .destroy:
            counters.count(.eventsDestroy)
            takeDestroy(event, at: now)
        case .dumped:
            break
        }
    }

    /// An older destroy of the same tuple may have come between the write and its echo: the flow is there all the same.
    private mutating func takeEcho(_ flow: Flow) {
        guard tracks, !log.holds(flow.original), settings.filter.verdict(flow) == .replicated else { return }
        log.observe(flow, .all)
    }

    /// Whether a flow of the kernel takes part; what does not is counted.
    mutating func passes(_ flow: Flow) -> Bool {
        switch settings.filter.verdict(flow) {
        case .replicated: return true
        case .own: counters.count(.filteredOwn)
        case .protocol: counters.count(.filteredProtocol)
        case .address: counters.count(.filteredAddress)
        }
        return false
    }

    /// A packet made this flow here, so it is no copy, whatever the role is.
    private mutating func takeNew(_ flow: Flow, at now: Instant) {
        counters.count(.internalCreated)
        if SequenceWatch.concerns(flow) { sequenceWatch.watch(flow.original, at: now) }
        if log.holds(flow.original) {
            log.replace(flow, traits: .seenNew)
        } else {
            log.observe(flow, .all, traits: .seenNew)
        }
    }

    private mutating func takeUpdate(_ flow: Flow, _ attributes: FlowAttributes, at now: Instant) {
        // A standby's copies belong to the master; only what is known as local is followed here.
        guard tracks || isLocal(flow.original) else {
            if let slot = remnants.find(flow.original) {
                var remnant = remnants.subject(at: slot)
                remnant.merge(flow, attributes)
                remnants.replace(at: slot, by: remnant)
            }
            if external.hasCopies { external.carry(flow.original) }
            return
        }
        var traits = Self.traits(of: flow)
        if tracks { traits.insert(.carried) }
        if traits.contains(.alive), log.entry(of: flow.original)?.flow.status.contains(.seenReply) == false {
            renewal.hurry(at: now)
        }
        switch log.observe(withoutLease(flow, attributes), attributes, traits: traits) {
        case .inserted: counters.count(.internalCreated)
        case .changed: counters.count(.internalUpdated)
        case .refreshed: break
        }
    }

    /// Whether the entry that a standby's kernel has is one of its own log: in the place of what the log lost, which
    /// the peers keep, there may be a copy.
    private func isLocal(_ original: Tuple) -> Bool {
        guard let entry = log.entry(of: original), entry.state != .tombstone else { return false }
        return !entry.traits.contains(.lost) || external.heldCopy(of: original) == nil
    }

    private mutating func takeDestroy(_ event: FlowEvent, at now: Instant) {
        let original = event.flow.original
        guard tracks ? log.holds(original) : isLocal(original) else {
            // A backup's copy may end while the flow lives at the master, who is offered what this node knows of it.
            if tracks { former?.forget(original) } else { former?.mark(.lost, of: original) }
            if !tracks { loseCopy(original, at: now) }
            if let slot = remnants.find(original) { remnants.remove(slot) }
            if tracks, resyncJob != nil {
                // A part of the dump that was made before may still show the flow: the tombstone contradicts it.
                log.observe(event.flow, .all)
                log.destroy(original)
            }
            return
        }
        let timeLeft = event.attributes.contains(.timeout) && event.flow.timeout > 0
        let state = event.attributes.contains(.protocolState) ? event.flow.state : log.entry(of: original)?.flow.state
        if timeLeft, !(state?.isOver ?? false) {
            if log.condemn(original, at: now) { counters.count(.destroysHeld) }
            if now < networkWentUntil {
                pardonDestroys()
                resyncDue = min(resyncDue, networkWentUntil)
            }
        } else {
            log.destroy(original)
            counters.count(.internalDestroyed)
        }
    }

    /// Lets held destroys travel when nothing has explained them as the work of a demotion.
    mutating func releaseDestroys(at now: Instant) {
        guard let oldest = log.oldestCondemnation, oldest + Self.destroyHold <= now else { return }
        let deadline = Instant(nanoseconds: now.nanoseconds - Self.destroyHold.nanoseconds)
        let released = log.release(heldSince: deadline, limit: Self.eventsPerTurn)
        counters.count(.internalDestroyed, by: released)
    }

    /// An address or a link of this node went: what the kernel destroys because of it comes before and after the word.
    mutating func noteNetworkWent(at now: Instant) {
        networkWentUntil = now + Self.destroyHold
        resyncDue = networkWentUntil
        pardonDestroys()
    }

    /// A master that stays one writes its flows again that went with an address, and looks what its kernel has kept.
    mutating func resyncIfDue(at now: Instant) {
        guard resyncDue <= now else { return }
        resyncDue = .never
        if tracks, !addressesWent { beginCommit(.restoration, inSync: false, at: now) }
    }

    /// An address, a link or the role went: what the kernel destroyed because of it stays with the peers.
    mutating func pardonDestroys() { counters.count(.destroysDropped, by: log.pardon()) }
}
