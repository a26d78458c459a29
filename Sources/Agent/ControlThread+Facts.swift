internal import Conntrack
internal import ControlProtocol
internal import Engine
internal import LinuxIO
internal import Netfilter
internal import StateMachine
internal import SyncTransport

extension ControlThread {
    /// What this node's kernel is like is looked at again after so long, and told.
    static let factsInterval = Instant.Span.seconds(10)
    /// Whoever asks is answered with what is not older than this.
    static let freshness = Instant.Span.seconds(1)

    /// Looks at the kernel and tells the peers, unless that was done lately.
    func gatherFacts(noOlderThan age: Instant.Span, at now: Instant) {
        guard facts == nil || now.since(factsGathered) >= age else { return }
        factsGathered = now
        var told = factsReader.read(besideHold: hold.hasTable, holdChanges: hold.changes)
        hold.take(tracking: told.tracksPackets, at: now)
        if let engine = lastReport?.engine, engine.isHot { told.copies = UInt32(clamping: engine.copies) }
        told.lossPerMille = losses.values.compactMap(\.perMille).max()
        facts = told
        status.tracking = told.tracksPackets.map { $0 ? .enabled : .disabled } ?? .unknown
        mailbox.ask { $0.commands.append(.facts(told)) }
    }

    /// Takes in what the links have carried, and lost of each peer.
    func takeLoss(_ report: AgentReport) {
        let received = report.traffic.receivedDatagrams
        for peer in report.engine.peers {
            losses[peer.name, default: RecentLoss()].take(lost: peer.lostDatagrams, received: received, at: report.at)
        }
        losses = losses.filter { name, _ in report.engine.peers.contains { $0.name == name } }
    }

    /// The report of `preflight`.
    func preflight(_ report: AgentReport) -> PreflightReport {
        let situation = PreflightSituation(
            report, node: status.node, facts: facts, losses: losses.compactMapValues(\.perMille))
        return PreflightJudge(situation: situation).report()
    }
}
