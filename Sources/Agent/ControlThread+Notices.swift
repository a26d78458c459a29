internal import Conntrack
internal import ControlProtocol
internal import Engine
internal import Failover
internal import StateMachine
internal import Systemd

extension ControlThread {
    /// Takes in what the engine tells: an answer for a session, or something for the journal.
    func take(_ notice: EngineNotice) {
        switch notice {
        case .answered(let id, let outcome):
            answer(id, outcome)
        case .heard(let notification, let hearing):
            tell(notification, hearing)
        case .roleChanged(let from, let to, let source, let term):
            if from == "starting", !isReady {
                isReady = true
                Supervisor.notifyReady()
            }
            journal.write(
                .notice, "role \(from) -> \(to), by \(source.rawValue), term \(term)", .init("GROUP", group),
                .init("ROLE_OLD", from), .init("ROLE_NEW", to), .init("TERM", String(term)))
        case .storeTerm(let term):
            if !state.store(term: term) {
                journal.write(.error, "the term cannot be stored in \(state.path): check its permissions")
            }
        case .readiness(let level):
            publish(level)
        case .takeover(let result):
            journal.write(
                result.succeeded ? .notice : .critical,
                "takeover \(result.succeeded ? "done" : "failed"): \(result.tally.flows) flows committed, "
                    + "\(result.tally.failed) refused, \(result.duration.milliseconds) ms after the notification, "
                    + (result.inSync ? "in sync" : "not in sync"), .init("FLOWS", String(result.tally.flows)))
        case .twoMasters(let masters):
            journal.write(
                .critical, "two masters: a peer claims the role in term \(masters.peerTerm); live flows are kept")
        case .twoMastersEnded:
            journal.write(.notice, "one master again")
        case .implausibleTerm(let term):
            journal.write(.error, "a peer sent term \(term), too far ahead to be believed")
        case .sameName:
            journal.write(.critical, "another node uses this node's name \(status.node): set node-name on one of them")
        default:
            tellOfFlows(notice)
        }
    }

    /// Tells keepalived how ready this node is, if it is to know.
    func publish(_ level: Readiness.Level) {
        guard let readiness, !readiness.publish(level) else { return }
        journal.write(.error, "track-file \(readiness.path) cannot be written: check its folder's permissions")
    }

    private func tellOfFlows(_ notice: EngineNotice) {
        switch notice {
        case .peerAppeared(let name, let incarnation):
            journal.write(.notice, "peer \(name) heard, incarnation \(incarnation)", .init("PEER", name))
        case .peerSilent(let name):
            journal.write(.warning, "peer \(name) is silent: a failover now may lose flows", .init("PEER", name))
        case .peerReturned(let name):
            journal.write(.notice, "peer \(name) is heard again", .init("PEER", name))
        case .linkMoved(let name, let link):
            let interface = interfaces.indices.contains(link) ? interfaces[link] : "link \(link)"
            journal.write(
                .notice, "the traffic to \(name) goes over \(interface) now", .init("PEER", name),
                .init("LINK", interface))
        case .bulkReceived(let flows, let swept, let peer, let buckets):
            let part = buckets.map { "\($0) buckets that differed" } ?? "all"
            journal.write(
                .info,
                "bulk of \(peer) received (\(part)): \(flows) flows in the external cache, \(swept) old ones removed")
        case .recalled(let flows):
            journal.write(.notice, "\(flows) flows taken back from the peer")
        case .resynced(let found, let missing):
            journal.write(.info, "kernel dumped: \(found) flows found, \(missing) gone")
        case .overrun:
            journal.write(.warning, "the kernel dropped events: dumping its table; raise event-listen-queue-size")
        case .diverged(let version):
            journal.write(
                .error, "this node's copy is not what the peer holds at version \(version): what differs is asked for")
        case .repairedFlow(let flow, let attributes):
            let what = attributes == .all ? "as a whole" : attributes.list.map(\.name).joined(separator: ", ")
            journal.write(.notice, "repaired: \(Self.text(flow)), \(what)")
        case .repaired(let flows):
            journal.write(.notice, "both nodes hold the same again: \(flows) flows repaired")
        case .corrupted(let buckets):
            journal.write(
                .error, "stored flows changed by accident, in \(buckets) of 4096 buckets: check this node's memory")
        case .purged(let flows):
            journal.write(.notice, "\(flows) stale entries removed from the kernel")
        case .refused(let flow, let reason):
            journal.write(.warning, "the kernel refused \(Self.text(flow)): \(reason)")
        case .takenWithout(let flow, let attributes):
            let names = attributes.list.map(\.name).joined(separator: ", ")
            journal.write(.warning, "the kernel took \(Self.text(flow)) without its \(names)")
        case .expectationRefused(let expectation, let reason):
            journal.write(
                .warning,
                "the kernel refused what helper \(expectation.helper.text) expects of "
                    + "\(Self.text(Flow(original: expectation.master, reply: expectation.master.inverted))): \(reason)")
        default:
            break
        }
    }

    /// Takes in that a link came or went.
    func tell(_ link: Mailbox.LinkNews) {
        let field = Journal.Field("LINK", link.interface)
        guard let obstacle = link.obstacle else {
            return journal.write(.notice, "the link is there: \(link.interface)", field)
        }
        if link.othersGoOn {
            journal.write(.warning, "\(obstacle); the other links go on", field)
        } else {
            journal.write(.critical, "\(obstacle); no link is left", field)
        }
    }

    private func answer(_ id: UInt64, _ outcome: CommandOutcome) {
        switch outcome {
        case .done(let text): answer(id, ControlReply.done(text))
        case .refused(let text): answer(id, ControlReply.refused(text))
        }
    }

    /// Hands a reply to the session that waits for it.
    func answer(_ id: UInt64, _ reply: ControlReply) {
        for session in sessions.values {
            guard case .answer(let waitedFor, _) = session.pending, waitedFor == id else { continue }
            session.send(reply)
            resume(session)
        }
    }

    private func tell(_ notification: Failover.RoleNotification, _ hearing: RoleHearing) {
        let words = "\(notification.kind.rawValue) \(notification.name) \(notification.state.rawValue)"
        switch hearing {
        case .accepted: journal.write(.info, "heard: \(words)")
        case .refused(let reason): journal.write(.warning, "not heeded: \(words): \(reason.rawValue)")
        default: journal.write(.debug, "heard: \(words)")
        }
    }

    private static func text(_ flow: Flow) -> String {
        let tuple = flow.original
        let keys = tuple.protocol.hasPorts ? ":\(tuple.sourceKey) > " : " > "
        let end = tuple.protocol.hasPorts ? ":\(tuple.destinationKey)" : ""
        return "\(tuple.protocol.name) \(tuple.source.text(tuple.family))\(keys)"
            + "\(tuple.destination.text(tuple.family))\(end)"
    }
}
