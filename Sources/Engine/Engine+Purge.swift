internal import Conntrack
internal import Replication
internal import StateMachine

/// A purge under way: a walk over what the last mastership left, then over what the start found.
struct PurgeJob {
    let id: UInt64?
    var nextSlot: UInt32 = 0
    var isInRemnants = false
    var purged = 0
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Removes the copies of a cold standby from the kernel: nothing updates them, and at the next takeover stale
    /// windows and tuples would be in the way.
    ///
    /// Local flows stay; so does what nobody can call a copy.
    mutating func beginPurge(id: UInt64?) { purgeJob = PurgeJob(id: id) }

    /// Deletes the next stale entries.
    mutating func continuePurge(at now: Instant) {
        guard var job = purgeJob else { return }
        guard !tracks, !holdsAddresses else {
            let reason = tracks ? "is master" : "holds the virtual addresses"
            if let id = job.id { answer(id, .refused("this node \(reason): its entries are not stale")) }
            return purgeJob = nil
        }
        writes.removeAll()
        let limit = job.isInRemnants ? remnants.slotLimit : (former?.slotLimit ?? 0)
        let end = min(limit, job.nextSlot + Self.slotsPerTurn)
        while job.nextSlot < end, !writes.isFull {
            let slot = job.nextSlot
            job.nextSlot += 1
            guard let flow = job.isInRemnants ? staleRemnant(at: slot) : formerFlow(at: slot) else { continue }
            // What the master named is a copy in good standing.
            if settings.isHot, external.slot(of: flow.original) != nil { continue }
            // A packet may have made the tuple anew since: then it is a local flow.
            if !log.holds(flow.original) { writes.append(FlowWrite(.delete, flow)) }
            if job.isInRemnants { remnants.remove(slot) }
        }
        if !writes.writes.isEmpty {
            kernel.write(&writes)
            job.purged += writes.writes.count - writes.refused.count
            counters.count(.flowsPurged, by: writes.writes.count - writes.refused.count)
        }
        if job.nextSlot < limit { return purgeJob = job }
        if !job.isInRemnants {
            job.isInRemnants = true
            job.nextSlot = 0
            return purgeJob = job
        }
        purgeJob = nil
        // After a restart there is more than copies, and it may be in the way of what the master tells later.
        if former != nil { forgetFormer() }
        notices.append(.purged(flows: job.purged))
        if let id = job.id { answer(id, .done("\(job.purged) stale entries removed from the kernel table")) }
    }

    /// Lets go of what the last mastership left.
    mutating func forgetFormer() {
        former = nil
        for place in peers.indices { peers[place].sending.dropFormer() }
        remnants.removeAll()
    }

    /// Puts the internal cache aside: its flows are copies from now on, and a new log counts on.
    mutating func retireLog(at now: Instant) {
        pardonDestroys()
        if let older = former?.slotLimit {
            // Two demotions in a row without a purge: the older entries are remembered as copies alone.
            for slot in 0..<older {
                guard let flow = formerFlow(at: slot), !log.holds(flow.original), remnants.find(flow.original) == nil
                else { continue }
                _ = remnants.insert(flow, Remnant(isCopy: true))
            }
            former = nil
            for place in peers.indices { peers[place].sending.dropFormer() }
        }
        var ended = ChangeLog(
            key: settings.hashKey, digestKey: settings.digestKey, latestVersion: log.latestVersion)
        swap(&ended, &log)
        shared.cursor = nil
        for place in peers.indices where peers[place].sending.continueIn(&log, former: &ended) {
            beginBulk(to: place, at: now)
        }
        former = consume ended
    }

    private func formerFlow(at slot: UInt32) -> Flow? {
        guard let entry = former?.entry(at: slot), entry.state != .tombstone, !entry.traits.contains(.lost) else {
            return nil
        }
        return entry.flow
    }

    private func staleRemnant(at slot: UInt32) -> Flow? {
        guard remnants.contains(slot) else { return nil }
        let flow = remnants.subject(at: slot)
        return remnants[slot].isCopy || external.entry(of: flow.original) != nil ? flow : nil
    }
}
