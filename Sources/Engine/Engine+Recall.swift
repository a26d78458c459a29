internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// A recall under way: an unsynced master asks its peers, one after the other, for the flows that they hold as copies,
/// page by page.
///
/// The asker pulls, so a lost page is asked for again and the answerer keeps no state.
struct RecallJob {
    /// A page that does not come is asked for again after so long.
    static let patience = Instant.Span.milliseconds(40)
    /// A peer that does not answer so often has none to give, or is gone.
    static let triesLimit = 50
    /// A recall that nobody answered, or of which the kernel refused flows for the moment, is tried again after so
    /// long, as long as the master is unsynced.
    static let retryDelay = Instant.Span.seconds(1)
    /// … and because of refused flows so often.
    static let refusedLimit = 3

    let id: UInt32
    /// Who is asked now, and who was before.
    var peer: UInt32
    var asked: [UInt32] = []
    /// Peers that have told all they hold.
    var answers = 0
    /// The place in the peer's caches that the next page begins at.
    var place: UInt64 = 0
    var askAgain: Instant
    var tries = 0
    var adopted = 0
    /// Flows that the kernel may take at another try.
    var refused = 0

    /// Whether a peer is to be asked for the next page now.
    func asks(_ sender: UInt32, at now: Instant) -> Bool {
        sender == peer && tries > 0 && askAgain == now + Self.patience
    }
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Pages that answer one request at most.
    static var recallPagesPerRequest: Int { 16 }

    /// Begins to ask the peers for their flows.
    ///
    /// Without a peer it waits until one appears.
    mutating func beginRecall(at now: Instant) {
        recallDue = now
        guard let first = peers.first(where: { !$0.isSilent }) else { return }
        recallNumber += 1
        recallJob = RecallJob(id: recallNumber, peer: first.sender, askAgain: now)
    }

    /// When a master that nobody answered asks again: without an answer it never is in sync.
    var nextRecall: Instant {
        guard case .master = roles.state, !announcesInSync, recallJob == nil, peers.contains(where: { !$0.isSilent })
        else { return .never }
        return recallDue
    }

    /// Asks for the next page when it is due.
    mutating func continueRecall(at now: Instant) {
        if recallJob == nil, nextRecall <= now { beginRecall(at: now) }
        guard let job = recallJob, job.askAgain <= now else { return }
        guard case .master = roles.state else { return recallJob = nil }
        guard let place = peers.firstIndex(where: { $0.sender == job.peer }), !peers[place].isSilent,
            job.tries < RecallJob.triesLimit
        else { return recallNext(at: now) }
        recallJob?.tries += 1
        recallJob?.askAgain = now + RecallJob.patience
        peers[place].wantsControl = true
    }

    /// Goes on with the next peer; after the last one the recall has ended.
    private mutating func recallNext(at now: Instant) {
        guard var job = recallJob else { return }
        job.asked.append(job.peer)
        if let next = peers.first(where: { !$0.isSilent && !job.asked.contains($0.sender) }) {
            job.peer = next.sender
            job.place = 0
            job.tries = 0
            job.askAgain = now
            return recallJob = job
        }
        recallJob = nil
        strictSlot = job.adopted > 0 ? 0 : strictSlot
        if job.refused > 0 { refusedRecalls += 1 }
        guard job.answers > 0, job.refused == 0 || refusedRecalls > RecallJob.refusedLimit else {
            recallDue = now + RecallJob.retryDelay
            return perform(roles.recallFinished(at: now), at: now)
        }
        announcesInSync = true
        hurryHeartbeats(at: now)
        renewal.arm(timeouts: kernel.timeouts(), at: now)
        notices.append(.recalled(flows: job.adopted))
        let actions = roles.recallFinished(at: now)
        // A recall that outlasted the machine's patience still ends in a bulk: now peers may sweep.
        if actions.isEmpty { beginBulks(at: now) }
        perform(actions, at: now)
    }

    /// Takes in one flow of a page: what is missing here is written, and nothing is overwritten.
    mutating func takeRecalled(_ flow: Flow, _ page: RecallPage) {
        guard let job = recallJob, page.id == job.id, page.place == job.place else { return }
        guard settings.filter.verdict(flow) == .replicated, !log.holds(flow.original) else { return }
        if recalled.isFull { writeRecalled() }
        var flow = flow.without(settings.leftOut)
        flow.timeout = kernel.timeouts().takeoverTimeout(of: flow)
        recalled.append(FlowWrite(.create, flow, liberal: flow.tcp != nil))
    }

    /// Takes in the end of a page, and asks for the next.
    mutating func endRecallPage(_ page: RecallPage, from place: Int, at now: Instant) {
        guard var job = recallJob, page.id == job.id, page.place == job.place, peers[place].sender == job.peer else {
            expectationWrites.removeAll()
            return recalled.removeAll()
        }
        writeRecalled()
        writeRecalledExpectations()
        job.adopted = recallJob?.adopted ?? 0
        job.refused = recallJob?.refused ?? 0
        job.place = page.next
        job.tries = 0
        pagesOfRequest += 1
        job.askAgain = pagesOfRequest >= Self.recallPagesPerRequest ? now : now + RecallJob.patience
        if page.next == RecallPage.end { job.answers += 1 }
        recallJob = job
        if page.next == RecallPage.end { recallNext(at: now) }
    }

    private mutating func writeRecalled() {
        guard !recalled.writes.isEmpty else { return }
        kernel.write(&recalled)
        var orphans = WriteBatch()
        adoptRecalled(recalled) { write, reason in
            guard reason == .notFound, write.flow.master != nil else { return }
            // Pages have no order that would put parents first.
            orphans.append(FlowWrite(.create, write.flow.withoutMaster, liberal: write.liberal))
        }
        recalled.removeAll()
        guard !orphans.writes.isEmpty else { return }
        kernel.write(&orphans)
        adoptRecalled(orphans) { _, _ in }
    }

    /// Takes in what the kernel has taken, and hands over what it has not.
    private mutating func adoptRecalled(_ batch: WriteBatch, orElse: (FlowWrite, WriteRefusal) -> Void) {
        var place = 0
        for index in batch.writes.indices {
            let write = batch.writes[index]
            if let reason = batch.refused.reason(of: index, from: &place) {
                if reason == .busy || reason == .again || reason == .dying { recallJob?.refused += 1 }
                orElse(write, reason)
                continue
            }
            log.observe(write.flow, .all, traits: Self.traits(of: write))
            // A commit that is tried again is not to replace what goes on here by its own copy.
            if let slot = external.slot(of: write.flow.original) { takeOut(slot) }
            recallJob?.adopted += 1
            counters.count(.flowsRecalled)
        }
    }

    /// Answers a peer's recall: the external cache first, then what the last mastership left here, then expectations.
    mutating func sendRecallPages(_ request: RecallRequest, to peer: Int, at now: Instant) {
        // Behind the last page there is nothing to ask for.
        guard request.place < RecallPage.end else { return }
        var place = request.place
        let externalEnd = UInt64(external.slotLimit)
        let flowEnd = externalEnd + UInt64(former?.slotLimit ?? 0)
        let end = flowEnd + UInt64(externalExpectations.slotLimit)
        for _ in 0..<Self.recallPagesPerRequest where !outgoing.isFull {
            begin(usedLink(to: peer))
            _ = writer.append(.recallPage(RecallPage(id: request.id, place: place, next: place + 1)))
            var slot = place
            var looked: UInt32 = 0
            while slot < end, looked < Self.slotsPerTurn {
                if slot >= flowEnd {
                    let entry = externalExpectations.entry(at: UInt32(slot - flowEnd))
                    if let entry, !writer.append(entry.subject, version: 0) { break }
                } else {
                    let flow: Flow? =
                        slot < externalEnd
                        ? external.entry(at: UInt32(slot))?.flow : unnamedFormer(at: UInt32(slot - externalEnd))
                    if let flow, !writer.append(flow, version: 0, isReplacement: false) { break }
                }
                slot += 1
                looked += 1
            }
            let next = slot >= end ? RecallPage.end : max(slot, place + 1)
            writer.closePage(next: next)
            post(to: usedLink(to: peer))
            if next == RecallPage.end { return }
            place = next
        }
    }
}
