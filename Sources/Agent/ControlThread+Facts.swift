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
        var told = factsReader.read()
        told.lossPerMille = recentLoss.perMille
        facts = told
        status.tracking = told.tracksPackets.map { $0 ? .enabled : .disabled } ?? .unknown
        mailbox.ask { $0.commands.append(.facts(told)) }
    }

    /// Takes in what the link has carried and lost.
    func takeLoss(_ report: AgentReport) {
        guard let peer = report.engine.peers.first else { return }
        recentLoss.take(lost: peer.lostDatagrams, received: report.traffic.receivedDatagrams, at: report.at)
    }

    /// The report of `preflight`.
    func preflight(_ report: AgentReport) -> PreflightReport {
        let situation = PreflightSituation(
            report, node: status.node, interface: status.interface, facts: facts, lossPerMille: recentLoss.perMille)
        return PreflightJudge(situation: situation).report()
    }
}
