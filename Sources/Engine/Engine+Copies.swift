internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine

/// A hot standby: what the external cache holds is in the kernel too, as copies.
///
/// | a copy is | because | and leaves by |
/// |---|---|---|
/// | due | its flow was told anew, or the kernel dropped it | a write: held; a refusal: refused |
/// | held | the kernel has what was told | another word: due; a destroy of the kernel: due |
/// | carried | packets passed it before the role came | the role: absorbed; another word without addresses: due |
/// | lost | the kernel dropped it while no master was heard | a master that is heard: due |
/// | refused | the kernel did not take it | another word, or the next look: due |
/// | absorbed | this node is master: the flow is one of the internal cache | |
///
/// A copy lives by a lease, not by its flow's timeout: the master's kernel decides when a flow ends. The leases are
/// renewed as long as a master is heard.
struct CopyLease {
    /// What a copy is given beyond its state's full timeout, in seconds.
    static let timeout: UInt32 = 900
    /// All leases are renewed this often.
    static let interval = Instant.Span.seconds(300)
    /// Slots that a walk over the leases looks at, and how long it pauses then: some 20,000 copies a second.
    static let slotsPerStep: UInt32 = 1_024
    static let pause = Instant.Span.milliseconds(50)

    /// The slot that the walk stands at; nil between two walks.
    var slot: UInt32?
    var due: Instant = .never
    /// Copies are lost.
    var ranOut = false

    /// What the kernel is given for a copy, in seconds.
    static func timeout(of flow: Flow, _ timeouts: ProtocolTimeouts) -> UInt32 {
        max(flow.timeout, min(timeouts.fullTimeout(of: flow), Flow.maximumTimeout - timeout) + timeout)
    }

    /// Whether an entry of the kernel lives by a lease: no packet gives a flow more than its state's full timeout.
    static func covers(_ flow: Flow, _ timeouts: ProtocolTimeouts) -> Bool {
        let full = UInt64(timeouts.fullTimeout(of: flow))
        return full + 1...full + UInt64(timeout) ~= UInt64(flow.timeout)
    }
}

/// When copies that the kernel refused are tried again.
struct CopyRetry {
    static let firstPause = Instant.Span.seconds(5)

    var due: Instant = .never
    /// Twice as long after each try that left something to try.
    var pause = firstPause
    /// How many the last try met.
    var met = 0
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Whether the kernel is to have what the external cache holds.
    var keepsCopies: Bool { settings.isHot && !tracks && !isStarting && commitJob == nil }

    /// Whether a master was heard lately: without one the leases run out.
    private func hasMaster(at now: Instant) -> Bool {
        guard let place = leaderPlace else { return false }
        return now.since(peers[place].lastHeard) < settings.orphanTimeout
    }

    /// Writes what is due, and renews leases.
    mutating func continueCopies(at now: Instant) {
        guard keepsCopies else { return }
        if leases.ranOut, hasMaster(at: now) {
            leases.ranOut = false
            external.markLostDue()
        }
        for _ in 0..<Self.writeBatchesPerTurn where external.hasDueCopies {
            fillCopies(at: now)
            guard !writes.writes.isEmpty else { continue }
            kernel.write(&writes)
            settleCopies(at: now)
        }
        retryCopies(at: now)
        continueLeases(at: now)
    }

    private mutating func fillCopies(at now: Instant) {
        writes.removeAll()
        let timeouts = kernel.timeouts()
        var postponed: [UInt32] = []
        while !writes.isFull, let slot = external.nextDue(looking: Self.slotsPerTurn) {
            guard let entry = external.entry(at: slot), !entry.isFiltered else { continue }
            let local = localFlow(entry.flow.original)
            if let local, holdsAddresses || local.reply != entry.flow.reply {
                external.refuse(at: slot, .exists)
                armCopyRetry(at: now)
                continue
            }
            if holdsAddresses, outlives(entry.flow) {
                external.refuse(at: slot, .exists)
                armCopyRetry(at: now)
                continue
            }
            // The same connection: its packets go elsewhere by now.
            if local != nil { log.forget(entry.flow.original) }
            // Packets come here: the kernel knows better, until it is clear whose they are.
            if entry.copy.contains(.isCarried), holdsAddresses { continue }
            var flow = entry.flow.without(settings.leftOut)
            if let master = flow.master {
                switch standing(ofParent: master) {
                case .here: break
                case .due:
                    postponed.append(slot)
                    continue
                case .missing: flow = flow.withoutMaster
                }
            }
            flow.timeout = CopyLease.timeout(of: flow, timeouts)
            writes.append(
                FlowWrite(local == nil ? verb(for: entry) : .replace, flow, liberal: flow.tcp != nil, token: slot))
        }
        for slot in postponed { external.markDue(slot) }
    }

    /// Whether what this node carried as master, and carries as long as it has the addresses, is another connection
    /// than the one of which it is told.
    private func outlives(_ told: Flow) -> Bool {
        guard let entry = former?.entry(of: told.original), entry.state == .live,
            entry.flow.status.contains(.assured)
        else { return false }
        return entry.flow.reply != told.reply || told.isClosing && !entry.flow.isClosing
    }

    /// How the flow whose helper expected another one stands to the kernel.
    private enum ParentStanding {
        /// In the kernel, or before its child in this batch.
        case here
        case due
        case missing
    }

    private func standing(ofParent original: Tuple) -> ParentStanding {
        guard let parent = external.entry(of: original), !parent.isFiltered else { return .missing }
        if parent.copy.contains(.isHeld) { return .here }
        if parent.copy.contains(.isDue) { return .due }
        return parent.refusal == nil ? .here : .missing
    }

    private func verb(for entry: ExternalCache<Flow>.Entry) -> FlowWrite.Verb {
        if entry.copy.contains(.isHeld) { return entry.copy.contains(.isOutdated) ? .replace : .update }
        // An entry of the last mastership has stale windows, and one that the start found may.
        let original = entry.flow.original
        return former?.holds(original) ?? false || remnants.find(original) != nil ? .replace : .create
    }

    private mutating func settleCopies(at now: Instant) {
        var again = WriteBatch()
        var place = 0
        for index in writes.writes.indices {
            let write = writes.writes[index]
            guard let reason = writes.refused.reason(of: index, from: &place) else {
                hold(write)
                continue
            }
            if let verb = secondVerb(for: write, after: reason) {
                let flow = reason == .notFound && verb != .create ? write.flow.withoutMaster : write.flow
                let isUnsupported = reason == .unsupported && !flow.extensions.helper.isNone
                again.append(
                    FlowWrite(
                        verb, isUnsupported ? flow.without(.helper) : flow, liberal: write.liberal, token: write.token))
            } else {
                refuseCopy(write, reason, at: now)
            }
        }
        writes.removeAll()
        guard !again.writes.isEmpty else { return }
        kernel.write(&again)
        place = 0
        for index in again.writes.indices {
            if let reason = again.refused.reason(of: index, from: &place) {
                refuseCopy(again.writes[index], reason, at: now)
            } else {
                hold(again.writes[index])
            }
        }
    }

    private mutating func hold(_ write: FlowWrite) {
        external.hold(write.token)
        counters.count(.copiesWritten)
        if let slot = remnants.find(write.flow.original) { remnants.remove(slot) }
    }

    private mutating func refuseCopy(_ write: FlowWrite, _ reason: WriteRefusal, at now: Instant) {
        // What was to be changed is still there as it was; a replacement began by removing it.
        if write.verb == .update, reason != .notFound {
            external.outdate(write.token)
        } else {
            external.lose(write.token, again: false)
        }
        external.refuse(at: write.token, reason)
        counters.count(.copiesRefused)
        armCopyRetry(at: now)
    }

    private mutating func armCopyRetry(at now: Instant) {
        if copyRetry.due == .never { copyRetry.due = now + copyRetry.pause }
    }

    /// Tries again what the kernel refused, less and less often.
    private mutating func retryCopies(at now: Instant) {
        guard copyRetry.due <= now else { return }
        copyRetry.met = 0
        for slot in 0..<external.slotLimit where external.isRefused(slot) {
            copyRetry.met += 1
            external.markDue(slot)
        }
        guard copyRetry.met > 0 else { return copyRetry = CopyRetry() }
        // What this try cures, the next one sees.
        copyRetry.due = now + copyRetry.pause
        copyRetry.pause = min(Instant.Span(nanoseconds: copyRetry.pause.nanoseconds * 2), CopyLease.interval)
    }

    /// How a write is tried once more.
    private mutating func secondVerb(for write: FlowWrite, after reason: WriteRefusal) -> FlowWrite.Verb? {
        switch (write.verb, reason) {
        case (.update, .notFound):
            // Its destroy is on its way.
            return .create
        case (.update, .busy), (.update, .unsupported), (.update, .notPermitted), (.update, .invalid):
            return .replace
        case (_, .notFound) where write.flow.master != nil:
            return .replace
        case (_, .unsupported) where !write.flow.extensions.helper.isNone:
            return .replace
        case (.create, .exists):
            // Nobody told of what is in the way. If packets made it another flow, and both sides answered, it lives.
            guard let found = entryInKernel(write.flow.original) else { return nil }
            return found.reply == write.flow.reply || !found.status.contains(.assured) ? .replace : nil
        default:
            return nil
        }
    }

    // MARK: What ends a copy

    /// Deletes a copy from the kernel, soon: what was told of it is over.
    mutating func deleteCopy(_ flow: Flow) {
        if copyDeletes.isFull { writeCopyDeletes() }
        copyDeletes.append(FlowWrite(.delete, flow))
    }

    /// Deletes go before what is written, so that a tuple may come again.
    mutating func writeCopyDeletes() {
        guard !copyDeletes.writes.isEmpty else { return }
        kernel.write(&copyDeletes)
        counters.count(.copiesDeleted, by: copyDeletes.writes.count - copyDeletes.refused.count)
        copyDeletes.removeAll()
    }

    /// The kernel has dropped a flow of which a copy was here: it is put back, as soon as a master is heard.
    mutating func loseCopy(_ original: Tuple, at now: Instant) {
        guard let slot = external.heldCopy(of: original) else { return }
        counters.count(.copiesLost)
        let again = hasMaster(at: now)
        external.lose(slot, again: again)
        leases.ranOut = leases.ranOut || !again
    }

    /// A dump is over: copies that it did not show are not there.
    mutating func loseUnseenCopies() {
        for slot in 0..<external.slotLimit where external.isUnseen(slot) {
            counters.count(.copiesLost)
            external.lose(slot, again: true)
        }
    }

    /// Keeps in mind which entries of the kernel are copies when their flows are forgotten.
    mutating func disownCopies() {
        for slot in 0..<external.slotLimit where external.holdsCopy(at: slot) {
            guard let flow = external.entry(at: slot)?.flow, remnants.find(flow.original) == nil else { continue }
            _ = remnants.insert(flow, Remnant(isCopy: true))
        }
    }

    // MARK: Leases

    private mutating func continueLeases(at now: Instant) {
        if leases.due == .never { leases.due = now + CopyLease.interval }
        guard leases.due <= now else { return }
        guard hasMaster(at: now) else {
            leases.slot = nil
            return leases.due = now + CopyLease.interval
        }
        let first = leases.slot ?? 0
        let end = min(external.slotLimit, first + CopyLease.slotsPerStep)
        let timeouts = kernel.timeouts()
        writes.removeAll()
        for slot in first..<max(first, end) {
            guard let entry = external.entry(at: slot) else { continue }
            guard entry.copy.contains(.isHeld), !entry.copy.contains(.isCarried) else { continue }
            if writes.isFull { writeLeases() }
            var flow = entry.flow.without(settings.leftOut)
            flow.timeout = CopyLease.timeout(of: flow, timeouts)
            // The timeout of a GRE entry that was written is fixed.
            let isFixed = flow.original.protocol == .gre
            writes.append(FlowWrite(isFixed ? .replace : .prolong, isFixed ? flow.withoutMaster : flow, token: slot))
        }
        writeLeases()
        let isDone = end >= external.slotLimit
        leases.slot = isDone ? nil : end
        leases.due = now + (isDone ? CopyLease.interval : CopyLease.pause)
    }

    private mutating func writeLeases() {
        guard !writes.writes.isEmpty else { return }
        kernel.write(&writes)
        for refused in writes.refused { external.lose(writes.writes[refused.index].token, again: true) }
        writes.removeAll()
    }

    /// When leases are to be renewed, or refused copies tried again.
    func nextCopies() -> Instant {
        keepsCopies && external.count > 0 ? min(leases.due, copyRetry.due) : .never
    }
}
