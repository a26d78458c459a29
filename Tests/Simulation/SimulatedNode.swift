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
    /// What the state directory holds.
    var storedIncarnation: UInt64 = 0
    var storedTerm: UInt64 = 0
    /// How far the wall clock is from the time, in nanoseconds.
    var clockOffset: Int64 = 0
    /// The keys and the stage that the configuration names; nil without keys.
    var ring: KeyRing?
    /// Starts of the agent so far, its latest run, and when a run that ends in a turn begins anew.
    var run = 0
    var process = SimulatedProcess()
    var restart = Instant.Span.milliseconds(0)
    /// The role that the engine had at the end of its last turn; flows that it wrote in this one, and live children
    /// that it removed because a parent was gone.
    var roleAtTurn = "stopped"
    var flowsWritten = 0
    var bereft: [Tuple] = []
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
    var expected: [World.Expected] = []
    /// The highest term that anyone had when the addresses came.
    var highestTermBefore: UInt64 = 0
    /// When it last was told that events were lost.
    var overranAt: Instant = .origin
    /// Writes that its kernel had refused by chance before that.
    var refusedBefore = 0

    init(index: Int, kernel: SimulatedKernel, ring: KeyRing? = nil) {
        self.index = index
        self.ring = ring
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
        visit(external: external) { flows[$0.original] = $0 }
        return flows
    }

    /// Looks at every flow of a cache.
    func visit(external: Bool, _ look: (Flow) -> Void) {
        var lines: [ListedFlow] = []
        var place: UInt32? = 0
        while let from = place {
            lines.removeAll(keepingCapacity: true)
            place = engine?.list(external: external, from: from, limit: 512, into: &lines)
            for line in lines { look(line.flow) }
        }
    }

    /// The flows of the kernel that take part, by their original tuples.
    public var kernelFlows: [Tuple: Flow] {
        var flows: [Tuple: Flow] = [:]
        let filter = filter
        for flow in kernel.flows where filter.verdict(flow) == .replicated { flows[flow.original] = flow }
        return flows
    }
}
