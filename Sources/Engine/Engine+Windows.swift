internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine

/// When a master makes its TCP entries anew because packets may have gone another way for a while.
///
/// A peer that took a term beside this mastership may have carried what comes back now. An entry that has not seen an
/// acknowledged byte refuses the acknowledgement, and everything after it (nf_conntrack_proto_tcp.c, tcp_in_window);
/// liberal mode lets packets pass and does not move the window. So entries are deleted and created, as at a takeover.
///
/// | at | state | do |
/// |---|---|---|
/// | another's mastership ended beside this one | any | a walk, `pause` after the last one began |
/// | walk | walking | replace assured TCP entries, liberal |
/// | walk's end | settling | strict windows after `RoleStateMachine.liberalSpan` |
/// | demotion | any | none |
struct WindowRenewal {
    /// Between the beginnings of two walks: a role that flaps is not to keep the kernel busy.
    static let pause = Instant.Span.seconds(5)

    /// When the next walk begins; never if none is owed.
    private(set) var due: Instant = .never
    /// When windows become strict again.
    private(set) var strictDue: Instant = .never
    /// Where a walk stands; nil between two.
    private(set) var slot: UInt32?
    /// The kernel has deleted an entry and not made it anew.
    var hasLost = false
    private var rests: Instant = .origin

    /// When there is something to do.
    func nextDeadline(at now: Instant) -> Instant { slot == nil ? min(due, strictDue) : now }

    /// Packets may have gone another way.
    mutating func arm(at now: Instant) { due = max(now, rests) }

    /// Begins a walk if one is due.
    mutating func beginIfDue(at now: Instant) {
        guard slot == nil, due <= now else { return }
        (due, slot, strictDue, hasLost) = (.never, 0, .never, false)
        rests = now + Self.pause
    }

    /// The walk has come to a slot, the last one if it is nil.
    mutating func walked(to next: UInt32?, at now: Instant) {
        slot = next
        if next == nil { strictDue = now + RoleStateMachine.liberalSpan }
    }

    /// Whether windows are to be strict again from now on.
    mutating func takeStrict(at now: Instant) -> Bool {
        guard strictDue <= now else { return false }
        strictDue = .never
        return true
    }
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Whether the log has what the kernel has: what is written anew is not to go back behind it.
    var mayRenewWindows: Bool {
        commitJob == nil && logIsWhole && eventsOfLastTurn < Self.eventsPerTurn
            && resyncJob.map { $0.purpose == .background } ?? true
    }

    /// Makes TCP entries anew whose packets may have gone another way.
    mutating func continueWindows(at now: Instant) {
        guard tracks else { return windows = WindowRenewal() }
        guard mayRenewWindows else { return }
        windows.beginIfDue(at: now)
        if windows.takeStrict(at: now) { strictSlot = 0 }
        guard var slot = windows.slot else { return }
        writes.removeAll()
        let timeouts = kernel.timeouts()
        let end = min(log.slotLimit, slot + Self.slotsPerTurn)
        while slot < end, !writes.isFull {
            if let entry = log.entry(at: slot), entry.state == .live, entry.flow.status.contains(.assured),
                entry.flow.tcp?.state.isOver == false
            {
                var flow = hasParent(entry.flow) ? entry.flow : entry.flow.withoutMaster
                flow.timeout = timeouts.takeoverTimeout(of: flow)
                writes.append(FlowWrite(.replace, flow, liberal: true))
            }
            slot += 1
        }
        renewWindows()
        windows.walked(to: slot < log.slotLimit ? slot : nil, at: now)
        if windows.slot == nil, windows.hasLost { beginResync(.overrun) }
    }

    private mutating func renewWindows() {
        guard !writes.writes.isEmpty else { return }
        kernel.write(&writes)
        var again = WriteBatch()
        var place = 0
        for index in writes.writes.indices {
            let write = writes.writes[index]
            guard let reason = writes.refused.reason(of: index, from: &place) else {
                renewed(write)
                continue
            }
            // The kernel may have lost the parent, and nobody heard of it yet: the child lives without it.
            let flow = reason == .notFound ? write.flow.withoutMaster : write.flow
            again.append(FlowWrite(.replace, flow, liberal: write.liberal))
        }
        guard !again.writes.isEmpty else { return }
        // A packet that came between has made an entry of its own.
        kernel.write(&again)
        place = 0
        for index in again.writes.indices {
            if again.refused.reason(of: index, from: &place) == nil {
                renewed(again.writes[index])
            } else {
                windows.hasLost = true
            }
        }
    }

    private mutating func renewed(_ write: FlowWrite) {
        log.observe(write.flow, .all, traits: Self.traits(of: write))
        counters.count(.flowsRenewed)
    }

    /// Gives the strict windows back to flows that were written liberal, where both scales are known.
    mutating func continueStrictWindows() {
        guard var slot = strictSlot else { return }
        writes.removeAll()
        let end = min(log.slotLimit, slot + Self.slotsPerTurn)
        while slot < end, !writes.isFull {
            if let entry = log.entry(at: slot), entry.traits.contains(.madeLiberal) {
                log.clear(.madeLiberal, at: slot)
                if entry.state == .live, entry.flow.tcp?.knowsBothScales == true {
                    writes.append(FlowWrite(.makeStrict, entry.flow))
                }
            }
            slot += 1
        }
        if !writes.writes.isEmpty { kernel.write(&writes) }
        strictSlot = slot < log.slotLimit ? slot : nil
    }
}
