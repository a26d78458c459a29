internal import ControlProtocol
internal import Engine
internal import StateMachine
internal import SyncTransport

/// What the data thread says of itself at one moment.
struct AgentReport: Sendable {
    var at: Instant
    var engine: EngineReport
    var peerAddress: String?
    var traffic: DatagramLink.Traffic
    var linkIsThere: Bool
    /// How far the link's sealing has come.
    var sealing: SealingStage
    var linkObstacle: String?
    var hasCarrier: Bool
    /// Counters of the edges, by name.
    var edgeCounters: [(name: String, value: UInt64)]
}

extension LinkError {
    /// What is wrong with the link, and what to do, as a sentence's end.
    func text(interface: String) -> String {
        switch self {
        case .unusable(let fault): "the link's settings cannot work (\(fault)): check `interface` and `listen-address`"
        case .interfaceMissing: "interface \(interface) does not exist: waiting for it"
        case .interfaceDown: "interface \(interface) is down: waiting for `ip link set \(interface) up`"
        case .addressNotAssigned: "listen-address is not assigned to \(interface): waiting for it"
        case .portInUse: "the link's port is in use by another process: waiting for it"
        case .notPermitted(let error): "the link may not be opened (\(error)): the agent needs CAP_NET_ADMIN"
        case .system(let error): "the link cannot be opened (\(error)): trying again"
        }
    }
}
