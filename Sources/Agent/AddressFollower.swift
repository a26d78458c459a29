internal import Configuration
internal import Conntrack
internal import Engine
internal import Failover
internal import LinuxIO
internal import RoleSources
internal import StateMachine

/// Follows this node's addresses: which are its own, which of the group's virtual ones it holds, and what went.
struct AddressFollower: ~Copyable {
    /// A dump of some hundred addresses takes a millisecond; this is for a machine that is very busy.
    static let firstDumpLimit = Instant.Span.seconds(2)

    private var watch: AddressWatch
    private let virtual: Set<FlowFilter.OwnAddress>
    private var toldOwn: Set<FlowFilter.OwnAddress>?
    private var toldPresence: AddressPresence?
    /// Interfaces on which a virtual address has been seen, or that keepalived's file names.
    private var knownCarriers: Set<String>

    /// Begins to watch, in the network namespace of the calling thread.
    init(virtual: Set<FlowFilter.OwnAddress>, carriers: Set<String>) throws(NetlinkError) {
        watch = try AddressWatch()
        self.virtual = virtual
        knownCarriers = carriers
    }

    /// The descriptor's number, for epoll.
    var rawValue: Int32 { watch.rawValue }

    /// Waits for the first dump, a moment at most: an engine must know its own flows before it sees any.
    mutating func begin() -> Set<FlowFilter.OwnAddress> {
        let deadline = MonotonicClock.now() + Self.firstDumpLimit
        while !watch.isComplete, MonotonicClock.now() < deadline {
            _ = try? watch.receive()
            if !watch.isComplete, let pause = try? Epoll() {
                _ = pause.wait(until: MonotonicClock.now() + .milliseconds(1))
            }
        }
        let own = ownAddresses()
        toldOwn = own
        return own
    }

    /// Takes in what changed; the commands for the engine, in order.
    mutating func follow() -> [EngineCommand] {
        var commands: [EngineCommand] = []
        var mayHoldMore = true
        while mayHoldMore {
            guard let report = try? watch.receive() else { break }
            mayHoldMore = report.mayHoldMore
            if report.changes.contains(where: Self.takesFlowsAway) { commands.append(.networkWent) }
        }
        guard watch.isComplete else { return commands }
        let own = ownAddresses()
        if own != toldOwn {
            toldOwn = own
            commands.append(.ownAddresses(own))
        }
        for local in watch.addresses where virtual.contains(.init(local.address, local.family)) {
            if !local.interfaceName.isEmpty { knownCarriers.insert(local.interfaceName) }
        }
        let presence = self.presence()
        if presence != toldPresence {
            toldPresence = presence
            commands.append(.addresses(presence))
        }
        return commands
    }

    /// Whether a virtual address may be here: until the addresses are known, each may be.
    var mayHoldAddresses: Bool { toldPresence != AddressPresence.none }

    /// The interfaces that carry the virtual addresses, or would if they were here, in the order of their names.
    ///
    /// An address that nobody has named an interface for belongs where its network is.
    var carriers: [String] {
        if virtual.isEmpty { return [] }
        var found = knownCarriers
        for address in virtual {
            let networks = watch.addresses.filter { local in
                !local.interfaceName.isEmpty && !virtual.contains(.init(local.address, local.family))
                    && AddressPrefix(local.address, local.family, length: Int(local.prefixLength))?
                        .contains(address.address, address.family) == true
            }
            if let nearest = networks.max(by: { $0.prefixLength < $1.prefixLength }) {
                found.insert(nearest.interfaceName)
            }
        }
        return found.subtracting(["lo"]).sorted()
    }

    /// Whether a change makes the kernel destroy flows: masquerading forgets those of an address or link that goes.
    private static func takesFlowsAway(_ change: AddressChange) -> Bool {
        switch change {
        case .addressWent, .interfaceWent: true
        case .interfaceChanged(let old, let new): (old.isUp && !new.isUp) || (old.isRunning && !new.isRunning)
        case .addressAppeared, .interfaceAppeared: false
        }
    }

    private func ownAddresses() -> Set<FlowFilter.OwnAddress> {
        var own: Set<FlowFilter.OwnAddress> = []
        for local in watch.addresses {
            let address = FlowFilter.OwnAddress(local.address, local.family)
            if !virtual.contains(address) { own.insert(address) }
            if let broadcast = local.broadcast { own.insert(.init(broadcast, local.family)) }
        }
        return own
    }

    private func presence() -> AddressPresence {
        guard !virtual.isEmpty else { return .unknown }
        let held = virtual.count { watch.contains($0.address, $0.family) }
        return held == 0 ? .none : held == virtual.count ? .all : .some
    }
}
