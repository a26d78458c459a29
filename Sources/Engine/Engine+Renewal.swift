internal import Conntrack
internal import Replication
internal import StateMachine

/// When entries are made anew whose timeout no packet moves.
///
/// A GRE entry that was written has no timeouts of its own: the tracker's are zero where no packet made the entry
/// (nf_conntrack_proto_gre.c). So it is written with a fixed timeout of one and a half times the full one, and without
/// ASSURED: the first packet that passes makes the kernel say ASSURED, which is the sign of life. Who gave it is made
/// anew; who did not ends by itself. With a look every quarter of the full timeout an entry outlives any pause that the
/// kernel would forgive, and its last packet by two full timeouts at most.
///
/// | at | state | a packet passed since | do |
/// |---|---|---|---|
/// | commit | none | | first look in a quarter |
/// | first reply | waiting | | look at once: its timeout was one direction's |
/// | look | waiting | yes | replace, forget the sign |
/// | look | waiting | no | leave it to its timeout |
/// | demotion | waiting, looking | | none |
struct RenewalSchedule {
    /// The next look; `never` while no entry needs one.
    private(set) var nextDeadline: Instant = .never
    /// The slot that a look stands at; nil between two looks.
    var slot: UInt32?
    /// Entries that the look has met.
    var met = 0

    /// Whether a look is under way.
    var isRunning: Bool { slot != nil }

    /// An entry needs looks from now on.
    mutating func arm(timeouts: ProtocolTimeouts, at now: Instant) {
        if nextDeadline == .never { nextDeadline = now + Self.pause(timeouts) }
    }

    /// A look is due at once.
    mutating func hurry(at now: Instant) { nextDeadline = now }

    /// Begins a look if one is due.
    mutating func beginIfDue(at now: Instant) {
        guard slot == nil, nextDeadline <= now else { return }
        slot = 0
        met = 0
    }

    /// Ends a look; another follows if it met anything.
    mutating func end(timeouts: ProtocolTimeouts, at now: Instant) {
        slot = nil
        nextDeadline = met > 0 ? now + Self.pause(timeouts) : .never
    }

    /// No entry needs a look any more.
    mutating func cancel() {
        slot = nil
        nextDeadline = .never
    }

    private static func pause(_ timeouts: ProtocolTimeouts) -> Instant.Span {
        .milliseconds(UInt64(max(timeouts.greStream, 4)) * 250)
    }
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// What the kernel's word on a flow says of an entry that is made anew as long as it lives.
    static func traits(of told: Flow) -> ChangeLog.Traits {
        guard told.original.protocol == .gre, told.status.contains(.fixedTimeout) else { return [] }
        return told.status.contains(.assured) ? [.renewed, .alive] : .renewed
    }

    /// What is to be remembered of a flow that a commit or a recall wrote.
    static func traits(of write: FlowWrite) -> ChangeLog.Traits {
        // The kernel stores a scale only with the other side's: one that comes later meets a scale of zero here, so
        // what was written without both stays liberal.
        let willBeStrict = write.liberal && write.flow.tcp?.knowsBothScales == true
        var traits: ChangeLog.Traits = willBeStrict ? .madeLiberal : []
        // Labels without a rule that gives labels are dropped in silence; the dump tells.
        if !write.flow.rareAttributes.isEmpty { traits.insert(.unverified) }
        if write.flow.original.protocol == .gre { traits.insert(.renewed) }
        return traits
    }

    /// Makes those entries anew that packets have passed since the last look.
    mutating func continueRenewal(at now: Instant) {
        guard tracks else { return renewal.cancel() }
        renewal.beginIfDue(at: now)
        guard var slot = renewal.slot else { return }
        writes.removeAll()
        let timeouts = kernel.timeouts()
        let end = min(log.slotLimit, slot + Self.slotsPerTurn)
        while slot < end, !writes.isFull {
            if let entry = log.entry(at: slot), entry.state == .live, entry.traits.contains(.renewed) {
                renewal.met += 1
                if entry.traits.contains(.alive) {
                    log.clear(.alive, at: slot)
                    var flow = entry.flow
                    flow.timeout = timeouts.takeoverTimeout(of: flow)
                    writes.append(FlowWrite(.replace, flow))
                }
            }
            slot += 1
        }
        if !writes.writes.isEmpty {
            kernel.write(&writes)
            counters.count(.flowsRenewed, by: writes.writes.count - writes.refused.count)
        }
        if slot < log.slotLimit { renewal.slot = slot } else { renewal.end(timeouts: timeouts, at: now) }
    }
}
