public import Conntrack
public import Engine
public import StateMachine

/// One router: a kernel that outlives its agent, and the agent's engine while it runs.
public final class SimulatedNode {
    /// The engine over simulated ports.
    public typealias SimulatedEngine = Engine<SimulatedKernelPort, SimulatedLinkPort>

    public let index: Int
    public let name: String
    public let kernel: SimulatedKernel
    /// The agent, while it runs.
    public internal(set) var engine: SimulatedEngine?
    /// Addresses that are this node's and not virtual.
    public let ownAddresses: Set<FlowFilter.OwnAddress>

    var wakeAt: Instant = .never
    var pausedUntil: Instant = .origin
    var incarnation: UInt64 = 0
    var storedTerm: UInt64 = 0
    /// Turns in a row that asked for another one at once.
    var busyTurns = 0
    var isRecalling = false
    /// Turns since the start of the run.
    public internal(set) var turns = 0
    /// The role that the engine last told.
    public internal(set) var role = "stopped"
    /// Whether it has the virtual addresses, and since when.
    public internal(set) var holdsAddresses = false
    var addressesSince: Instant = .origin
    /// Whether the machine has power.
    public internal(set) var isUp = true
    /// What a takeover under way must find in the kernel at its end.
    var expected: [Int] = []

    init(index: Int, kernel: SimulatedKernel) {
        self.index = index
        name = "r\(index + 1)"
        self.kernel = kernel
        let last = UInt32(index)
        ownAddresses = [
            .init(Address(ipv4: 0xc0a8_0a02 + last), .ipv4), .init(Address(ipv4: 0xcb00_7102 + last), .ipv4),
            .init(Address(ipv4: 0x0a63_0001 + last), .ipv4),
        ]
    }

    /// The filter that the node's engine has.
    public var filter: FlowFilter { FlowFilter(ownAddresses: ownAddresses) }

    /// What the engine says of itself, while it runs.
    public func report(at now: Instant) -> EngineReport? { engine?.report(at: now) }

    /// The flows of a cache by their original tuples.
    public func flows(external: Bool) -> [Tuple: Flow] {
        var flows: [Tuple: Flow] = [:]
        var lines: [ListedFlow] = []
        var place: UInt32? = 0
        while let from = place {
            lines.removeAll()
            place = engine?.list(external: external, from: from, limit: 512, into: &lines)
            for line in lines { flows[line.flow.original] = line.flow }
        }
        return flows
    }

    /// The flows of the kernel that take part, by their original tuples.
    public var kernelFlows: [Tuple: Flow] {
        var flows: [Tuple: Flow] = [:]
        let filter = filter
        for flow in kernel.flows where filter.verdict(flow) == .replicated { flows[flow.original] = flow }
        return flows
    }
}
