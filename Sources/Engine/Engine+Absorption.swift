internal import Conntrack
internal import Replication
internal import StateMachine

/// The first moments of a mastership that began hot: the copies become flows of the internal cache, in memory.
struct Absorption {
    /// Flows in a turn at most: some milliseconds.
    static let slotsPerTurn: UInt32 = 8_192

    var slot: UInt32 = 0
    /// The role machine asked for a bulk, or for strict windows, while the internal cache was not whole.
    var owesBulk = false
    var owesStrictWindows = false
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Whether entries of the kernel may have leases that are to end.
    var endsLeases: Bool { absorption != nil || leaseEndSlot != nil || resyncJob?.purpose == .takeover }

    /// A flow that the kernel shows, with the timeout that was told of it while the kernel's is a lease.
    ///
    /// A lease that went to the peers would be their flow's timeout, and grow with each takeover.
    mutating func withoutLease(_ flow: Flow, _ attributes: FlowAttributes) -> Flow {
        guard endsLeases, attributes.contains(.timeout), let held = log.entry(of: flow.original),
            held.traits.contains(.leased)
        else { return flow }
        var flow = flow
        if flow.timeout > kernel.timeouts().fullTimeout(of: flow) {
            flow.timeout = held.flow.timeout
        } else {
            // A packet has passed.
            log.clear(.leased, of: flow.original)
        }
        return flow
    }

    /// A flow of which a copy is here is one of the internal cache from now on.
    mutating func absorb(_ original: Tuple) {
        if let slot = external.heldCopy(of: original) { absorb(at: slot) }
    }

    private mutating func absorb(at slot: UInt32) {
        guard let entry = external.entry(at: slot) else { return }
        let flow = entry.flow.without(settings.leftOut)
        if !log.holds(flow.original) {
            var traits = Self.traits(of: FlowWrite(.create, flow, liberal: flow.tcp != nil))
            traits.insert(.leased)
            if log.observe(flow, .all, traits: traits) == .inserted { counters.count(.internalCreated) }
        }
        takeOut(slot)
    }

    /// Takes the copies over into the internal cache, in memory: the kernel has them, and packets pass already.
    mutating func continueAbsorption(at now: Instant) {
        guard var job = absorption else { return }
        guard tracks else { return absorption = nil }
        let end = min(external.slotLimit, job.slot + Absorption.slotsPerTurn)
        for slot in job.slot..<max(job.slot, end) where external.holdsCopy(at: slot) { absorb(at: slot) }
        job.slot = end
        guard end >= external.slotLimit else { return absorption = job }
        absorption = nil
        external.shrinkIfEmpty()
        renewal.arm(timeouts: kernel.timeouts(), at: now)
        beginResync(.takeover)
        if job.owesStrictWindows { strictSlot = 0 }
        if job.owesBulk { beginBulks(at: now) }
        if external.count > 0 { wantsAdoption = true }
    }

    /// Gives flows their timeouts that still have the lease of a copy.
    mutating func continueTimeouts() {
        guard var slot = leaseEndSlot else { return }
        guard tracks else { return leaseEndSlot = nil }
        writes.removeAll()
        let timeouts = kernel.timeouts()
        let end = min(log.slotLimit, slot + Self.slotsPerTurn)
        while slot < end, !writes.isFull {
            if let entry = log.entry(at: slot), entry.traits.contains(.leased) {
                log.clear(.leased, at: slot)
                if entry.state == .live {
                    // The timeout of a GRE entry that was written is fixed.
                    let isFixed = entry.flow.original.protocol == .gre
                    var flow = isFixed && !hasParent(entry.flow) ? entry.flow.withoutMaster : entry.flow
                    flow.timeout = timeouts.takeoverTimeout(of: flow)
                    writes.append(FlowWrite(isFixed ? .replace : .prolong, flow))
                }
            }
            slot += 1
        }
        leaseEndSlot = slot < log.slotLimit ? slot : nil
        guard !writes.writes.isEmpty else { return }
        kernel.write(&writes)
        var again = WriteBatch()
        for refused in writes.refused where writes.writes[refused.index].verb == .replace {
            // The kernel has lost its parent, unheard.
            again.append(FlowWrite(.create, writes.writes[refused.index].flow.withoutMaster))
        }
        if !again.writes.isEmpty { kernel.write(&again) }
    }
}
