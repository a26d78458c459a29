internal import ControlProtocol
internal import Engine
internal import StateMachine
internal import SyncTransport

/// Makes the report of `statistics` of the data thread's report.
struct StatisticsComposer {
    func statistics(_ report: AgentReport, counters: [NamedCount]) -> StatisticsReport {
        let counts = report.engine.counters
        let active = report.activeLinks
        let refusals: [EngineCounter] = [
            .commitExists, .commitNotFound, .commitBusy, .commitUnsupported, .commitTableFull, .commitNoSpace,
            .commitInvalid, .commitNotPermitted, .commitDying, .commitAgain, .commitOther,
        ]
        let malformed: [EngineCounter] = [
            .datagramTruncated, .datagramForeign, .datagramVersion, .datagramFlags, .datagramKey, .datagramJump,
            .messageTruncated, .messageNumber, .messageFlags, .messagePlace, .messageTcpState, .messageWindowScale,
            .messageMaster, .messageTimeout, .messageStatus, .messageName, .messageSctpState, .messageDccpState,
            .messageForeignState, .messageKernelName, .messageLabels, .messageKey, .messageFamily,
        ]
        return StatisticsReport(
            internalCache: .init(
                current: UInt64(report.engine.internalFlows), created: counts[.internalCreated],
                createdFailed: refusals.reduce(0) { $0 + counts[$1] }, updated: counts[.internalUpdated],
                destroyed: counts[.internalDestroyed]),
            externalCache: .init(
                current: UInt64(report.engine.externalFlows), created: counts[.externalCreated],
                createdFailed: counts[.externalFull], updated: counts[.externalUpdated],
                destroyed: counts[.externalDestroyed]),
            trafficBytes: 0, trafficPackets: 0,
            links: report.links.indices.map { link(report.links[$0], isActive: active.contains($0)) },
            malformed: malformed.reduce(0) { $0 + counts[$1] },
            lost: report.engine.peers.reduce(0) { $0 + $1.lostDatagrams }, counters: counters)
    }

    private func link(_ link: AgentReport.Link, isActive: Bool) -> StatisticsReport.Link {
        StatisticsReport.Link(
            device: link.interface, mode: link.isShared ? .multicast : .unicast, active: isActive,
            bytesSent: link.traffic.sentBytes, bytesReceived: link.traffic.receivedBytes,
            packetsSent: link.traffic.sentDatagrams, packetsReceived: link.traffic.receivedDatagrams,
            errorsSent: link.traffic.sendErrors, errorsReceived: link.traffic.receiveErrors)
    }
}
