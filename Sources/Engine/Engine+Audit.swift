internal import Bytes
internal import Conntrack
internal import Replication
internal import StateMachine

/// How much of what is stored is still to be added up, so that stored bytes that changed by accident are found.
struct AuditShare {
    /// An audit covers all slots in so many shares, one in this interval.
    static let perAudit: UInt32 = 2
    static let interval = Instant.Span.seconds(1)
    /// Slots that are added up in a turn at most: about a millisecond.
    static let slotLimit: UInt32 = 16_384

    /// Slots left of this share.
    var left: UInt32 = 0
    /// When the next share begins.
    var due: Instant = .origin
}

/// What this node holds of a leader's flows, added up under the leader's key: a bulk leaves equal buckets out.
///
/// It covers whatever the leader may have taken over: what any node told of no higher rank, and what this node itself
/// announced while it was master.
struct Offer {
    let sender: UInt32
    var sums: DigestTable
    var slot: UInt32 = 0
    var isInFormer = false
    var isComplete = false

    init(sender: UInt32, key: SipHash.Key) {
        self.sender = sender
        sums = DigestTable(key: key)
    }
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Adds up a share of what is stored; all of it every few seconds.
    mutating func continueAudit(at now: Instant) {
        continueOffer()
        if external.isAddingUp {
            let wrong = external.audit(slots: Self.slotsPerTurn)
            if let place = leaderPlace, peers[place].proof.doubt == .addingUp, !external.isAddingUp {
                peers[place].proof.doubt = .dispelled
                noteCorruption(wrong)
            }
        }
        if auditShare.due <= now {
            // No turn of its own: a heartbeat brings one at least so often.
            auditShare.due = now + AuditShare.interval
            auditShare.left = max(log.slotLimit, external.slotLimit) / AuditShare.perAudit + 1
        }
        guard auditShare.left > 0 else { return }
        let share = min(auditShare.left, AuditShare.slotLimit)
        auditShare.left -= share
        let wrong = log.audit(slots: share)
        noteCorruption(wrong)
        // The kernel knows better than this node's memory.
        if !wrong.isEmpty { beginResync(.overrun) }
        if !external.isAddingUp { noteCorruption(external.audit(slots: share)) }
    }

    private mutating func noteCorruption(_ buckets: [Int]) {
        guard !buckets.isEmpty else { return }
        counters.count(.corruptedBuckets, by: buckets.count)
        notices.append(.corrupted(buckets: buckets.count))
    }

    /// Adds up the next slots of what is offered to the leader.
    private mutating func continueOffer() {
        guard offer?.isComplete == false, var told = offer.take() else { return }
        guard let place = leaderPlace, peers[place].sender == told.sender, !tracks else { return }
        let origin = peers[place].receiving.origin
        let limit = told.isInFormer ? former?.slotLimit ?? 0 : external.slotLimit
        let end = min(limit, told.slot + Self.slotsPerTurn)
        for slot in told.slot..<max(told.slot, end) {
            if told.isInFormer {
                if let flow = unnamedFormer(at: slot) { told.sums.add(flow, at: slot) }
            } else if let entry = external.entry(at: slot),
                entry.origin == origin || external.origins.rank(origin, isAbove: entry.origin)
            {
                told.sums.add(entry.flow, at: slot)
            }
        }
        told.slot = end
        if end >= limit {
            told.isComplete = told.isInFormer
            told.isInFormer = true
            told.slot = 0
        }
        offer = told
    }

    /// A flow that this node announced while it was master, and that no peer has named since.
    ///
    /// A delete that is remembered counts for nothing: it may be forgotten between an offer and the bulk's end, and
    /// what was not offered would be confirmed.
    func unnamedFormer(at slot: UInt32) -> Flow? {
        guard let entry = former?.entry(at: slot), entry.state != .tombstone, !entry.traits.contains(.ended),
            external.slot(of: entry.flow.original) == nil
        else { return nil }
        return entry.flow
    }

    /// Takes what a partial bulk left out of the former log into the external cache: the leader holds it too.
    ///
    /// - Returns: whether all of it has been looked at.
    mutating func confirmFormer(_ session: ReceivingSession, _ sent: BucketSet, key: SipHash.Key) -> Bool {
        let limit = former?.slotLimit ?? 0
        let end = min(limit, confirmSlot + Self.slotsPerTurn)
        for slot in confirmSlot..<max(confirmSlot, end) {
            guard let flow = unnamedFormer(at: slot), !sent.contains(DigestTable.bucket(of: flow.original, key: key))
            else { continue }
            external.confirm(flow, origin: session.origin, bulk: session.bulk)
        }
        confirmSlot = end
        return end >= limit
    }
}
