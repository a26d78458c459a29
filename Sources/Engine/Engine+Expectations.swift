internal import Conntrack
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// What helpers expect goes the flows' ways: into the log, to the peer, and behind the flows into its kernel.
extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Takes in what the kernel told of expectations in this batch of events.
    mutating func takeExpectations(at now: Instant) {
        for index in events.expectations.indices {
            let event = events.expectations[index]
            guard event.origin == .kernel else {
                counters.count(.eventsOurs)
                continue
            }
            guard isReplicated(event.expectation) else { continue }
            switch event.kind {
            case .new, .update, .dumped:
                if log.observe(event.expectation) == .inserted { counters.count(.expectationsCreated) }
                if event.kind == .new, event.expectation.master.protocol == .tcp {
                    sequenceWatch.hurry(event.expectation.master, at: now)
                }
            case .destroy:
                if log.destroy(event.expectation.key) { counters.count(.expectationsDestroyed) }
            }
        }
    }

    /// Whether an expectation is announced: a master's, of a helper that is wanted, for a flow that is announced.
    private mutating func isReplicated(_ expectation: Expectation) -> Bool {
        guard tracks, log.holds(expectation.master) || log.holds(expectation.key) else { return false }
        guard settings.helpers.accepts(expectation.helper) else {
            counters.count(.filteredHelper)
            return false
        }
        return true
    }

    // MARK: From the peer

    mutating func takeExpectation(_ told: ExpectationMessage, _ standing: Standing) {
        guard settings.helpers.accepts(told.expectation.helper) else { return counters.count(.filteredHelper) }
        guard told.version > standing.gapFree else { return counters.count(.peerFlowStale) }
        // A master's own expectations are newer than what anyone tells it of them.
        if tracks, log.holds(told.expectation.key) { return counters.count(.peerFlowIgnored) }
        switch externalExpectations.apply(
            told.expectation, version: told.version, origin: standing.expectationOrigin, bulk: standing.bulk)
        {
        case .inserted, .updated: counters.count(.expectationsReceived)
        case .full: counters.count(.externalFull)
        case .stale, .removed, .unknown: counters.count(.peerFlowStale)
        }
    }

    mutating func takeExpectationDestroy(_ told: ExpectationDestroyMessage, _ standing: Standing) {
        guard told.version > standing.gapFree else { return counters.count(.peerFlowStale) }
        _ = externalExpectations.delete(told.key, version: told.version, origin: standing.expectationOrigin)
    }

    /// Removes from the external cache what a synced master's bulk did not name; all at once, since they are few.
    mutating func sweepExpectations(_ session: ReceivingSession, _ origin: OriginID) {
        for slot in 0..<externalExpectations.slotLimit
        where externalExpectations.isSwept(at: slot, origin: origin, bulk: session.bulk, bulkEnd: session.bulkEnd) {
            externalExpectations.remove(at: slot)
        }
    }

    // MARK: Into the kernel

    /// Writes the next expectations of a commit: their masters are there by now.
    ///
    /// False when none is left.
    mutating func commitExpectations() -> Bool {
        guard var job = commitJob else { return false }
        defer { commitJob = job }
        expectationWrites.removeAll()
        while job.nextSlot < externalExpectations.slotLimit, !expectationWrites.isFull {
            let slot = job.nextSlot
            job.nextSlot += 1
            guard let entry = externalExpectations.entry(at: slot) else { continue }
            expectationWrites.append(ExpectationWrite(.create, entry.subject, token: slot))
        }
        guard !expectationWrites.writes.isEmpty else { return false }
        kernel.write(&expectationWrites)
        var place = 0
        for index in expectationWrites.writes.indices {
            let write = expectationWrites.writes[index]
            if let reason = expectationWrites.refused.reason(of: index, from: &place) {
                // Its flow came before the takeover's end, or its master is gone: it has done its work, or never will.
                externalExpectations.remove(at: write.token)
                counters.count(.expectationsRefused)
                if job.named < CommitJob.namedLimit {
                    job.named += 1
                    notices.append(.expectationRefused(write.expectation, reason))
                }
                continue
            }
            externalExpectations.remove(at: write.token)
            log.observe(write.expectation)
            counters.count(.expectationsCommitted)
        }
        return true
    }

    /// Takes in an expectation of a recalled page; those pages come last, so its master is here.
    mutating func takeRecalledExpectation(_ expectation: Expectation, _ page: RecallPage) {
        guard let job = recallJob, page.id == job.id, page.place == job.place else { return }
        guard settings.helpers.accepts(expectation.helper), !log.holds(expectation.key) else { return }
        if expectationWrites.isFull { writeRecalledExpectations() }
        expectationWrites.append(ExpectationWrite(.create, expectation))
    }

    /// Writes the expectations of a recalled page.
    mutating func writeRecalledExpectations() {
        guard !expectationWrites.writes.isEmpty else { return }
        kernel.write(&expectationWrites)
        var place = 0
        for index in expectationWrites.writes.indices
        where expectationWrites.refused.reason(of: index, from: &place) == nil {
            log.observe(expectationWrites.writes[index].expectation)
            counters.count(.expectationsCommitted)
        }
        expectationWrites.removeAll()
    }
}
