internal import ControlProtocol
internal import Engine
internal import StateMachine
internal import SyncTransport

/// Makes the report of `statistics` of the data thread's report.
struct StatisticsComposer {
    let interface: String
    let isMulticast: Bool

    func statistics(_ report: AgentReport, counters: [NamedCount]) -> StatisticsReport {
        let counts = report.engine.counters
        let traffic = report.traffic
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
            links: [
                .init(
                    device: interface, mode: isMulticast ? .multicast : .unicast, active: report.linkIsThere,
                    bytesSent: traffic.sentBytes, bytesReceived: traffic.receivedBytes,
                    packetsSent: traffic.sentDatagrams, packetsReceived: traffic.receivedDatagrams,
                    errorsSent: traffic.sendErrors, errorsReceived: traffic.receiveErrors)
            ],
            malformed: malformed.reduce(0) { $0 + counts[$1] }, lost: report.engine.peers.first?.lostDatagrams ?? 0,
            counters: counters)
    }
}
