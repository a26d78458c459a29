public import Conntrack
public import StateMachine

/// What the agent is told to do: typed, checked, with the documented defaults filled in.
public struct AgentConfiguration: Sendable, Equatable {
    /// This node's name in `status` and for its peers.
    public var nodeName: String
    /// The links to the peers, numbered in this order, which is the same on every node.
    public var links: [LinkConfiguration]
    /// Protocols that are replicated; nil for all.
    public var acceptedProtocols: Set<ProtocolNumber>?
    /// Flows with one of these addresses are not replicated.
    public var ignoredAddresses: [AddressPrefix] = []
    /// Helpers whose expectations are replicated (`expect-sync`).
    ///
    /// VyOS replicates none without a word; here it is all, since a default must lose nothing.
    public var expectationHelpers = HelperSelection.all
    /// Attributes without which this node takes flows over (`leave-out`), where its kernel must not be given them.
    ///
    /// Peers and caches still hold them. None without a word.
    public var leftOut: FlowAttributes = []
    /// Ceiling of the kernel event socket's buffer.
    public var eventQueueBytes = 8 << 20
    /// Buffer of each link socket.
    public var syncQueueBytes = 8 << 20
    /// Who decides the role.
    public var manager: RoleManager = .none
    /// What this version does with replicated flows on a backup.
    public var standby: StandbyMode = .hot
    /// Whether a starting agent asks its peer for a bulk.
    public var startupResync = true
    /// From a demotion to the purge of copies.
    public var purgeTimeout = Instant.Span.seconds(60)
    /// Whether a cold standby drops forwarded packets until the commit is done.
    public var hold = true
    /// The hold ends this long after a virtual address appeared, whatever else happens.
    public var holdLimit = AgentConfiguration.usualHoldLimit
    /// How long that is where nobody says it.
    public static let usualHoldLimit = Instant.Span.seconds(2)
    /// A hot standby lets copies expire when no master was heard for this long.
    public var orphanTimeout = Instant.Span.seconds(600)
    /// The share of refused writes with which a commit still counts as done.
    public var commitTolerance = Share(partsPerMillion: 10_000)
    /// Path of the control socket.
    public var controlSocket = Self.defaultControlSocket
    /// Group that may use the control socket; nil leaves it to the agent's own.
    public var controlGroup: String?
    /// Files of the keys that seal the link, the one that seals first.
    public var keyFiles: [KeyFileConfiguration] = []
    /// How far sealing has come, if the file says so; see `sealingStage`.
    public var sealing: SealingStage?
    /// Folder of what must survive a restart.
    public var stateDirectory = "/var/lib/ctsync-ha"
    /// Addresses that move between the nodes; empty means: as keepalived's file says.
    public var virtualAddresses: [HostAddress] = []
    public var keepalived = KeepalivedConfiguration()
    /// Which flows belong to which sync group.
    public var groups: [GroupConfiguration] = []
    /// Where metrics are served.
    public var metricsListeners: [MetricsListener] = []

    /// How far sealing has come: as `sealing` says; without it required where there is a key, and off without one.
    public var sealingStage: SealingStage { sealing ?? (keyFiles.isEmpty ? .off : .require) }

    /// Where every command looks for the agent.
    public static let defaultControlSocket = "/run/ctsync-ha/control.sock"
    /// Where the agent's own configuration is.
    public static let defaultPath = "/etc/ctsync-ha/ctsync-ha.conf"

    /// Makes a configuration of defaults.
    public init(nodeName: String, links: [LinkConfiguration]) {
        self.nodeName = nodeName
        self.links = links
    }
}

/// A link over which nodes replicate: one interface, one family of addresses.
public struct LinkConfiguration: Sendable, Equatable {
    /// Where datagrams go.
    public enum Destination: Sendable, Equatable {
        case multicast(group: HostAddress)
        /// One or more peers, all of one family.
        case unicast(peers: [HostAddress])
    }

    /// Name of the network interface.
    public var interface: String
    public var destination: Destination
    public var port: UInt16
    /// This node's address on the link is the one of these that the interface has; none: the kernel chooses.
    public var listenAddresses: [HostAddress]

    /// Makes a link.
    public init(
        interface: String, destination: Destination, port: UInt16 = Self.defaultPort,
        listenAddresses: [HostAddress] = []
    ) {
        self.interface = interface
        self.destination = destination
        self.port = port
        self.listenAddresses = listenAddresses
    }

    public static let defaultPort: UInt16 = 3780
    /// The default of `mcast-group`: 225.0.0.50.
    public static let defaultMulticastGroup = HostAddress(Address(ipv4: 0xe100_0032), .ipv4)

    /// Family of the link's addresses.
    public var family: AddressFamily {
        switch destination {
        case .multicast(let group): group.family
        case .unicast(let peers): peers.first?.family ?? .ipv4
        }
    }
}

/// An address that knows its family.
public struct HostAddress: Hashable, Sendable, CustomStringConvertible {
    public var address: Address
    public var family: AddressFamily

    /// Makes an address of a family.
    public init(_ address: Address, _ family: AddressFamily) {
        self.address = address
        self.family = family
    }

    /// Reads an address; nil for anything else.
    public init?(parsing text: some StringProtocol) {
        guard let (address, family) = Address.parse(text) else { return nil }
        self.init(address, family)
    }

    /// The address as text.
    public var description: String { address.text(family) }

    /// Whether the address stands for several hosts (224.0.0.0/4, ff00::/8).
    public var isMulticast: Bool {
        family == .ipv4 ? address.low >> 28 == 0xe : address.high >> 56 == 0xff
    }
}

/// Who decides whether this node is master.
public enum RoleManager: Sendable, Equatable {
    /// keepalived, by this sync group.
    case vrrp(syncGroup: String)
    /// Pacemaker, by this cluster group.
    case cluster(group: String)
    /// Nobody: backup until `ctsync-ha role` says otherwise.
    case none
}

/// What a backup does with replicated flows.
public enum StandbyMode: String, Sendable, CaseIterable {
    /// They go into the kernel as they arrive.
    case hot
    /// They wait in the external cache for the takeover.
    case cold
}

/// How far sealing of the link has come: a running pair goes through the stages one by one, each on both nodes.
public enum SealingStage: String, Sendable, CaseIterable {
    /// What is sent is open; sealed datagrams are taken too, if the key is here.
    case off
    /// What is sent is sealed; open datagrams are taken too.
    case accept
    /// What is sent is sealed, and nothing else is taken.
    case require
}

/// A file with a key, as the configuration names it.
public struct KeyFileConfiguration: Sendable, Equatable {
    public enum Place: Sendable, Equatable {
        /// An absolute path.
        case path(String)
        /// The name of a credential of systemd's (systemd.exec(5)), a file in `$CREDENTIALS_DIRECTORY`.
        case credential(String)
    }

    public var place: Place
    /// Where the configuration names it.
    public var position: FilePosition

    /// Names a file.
    public init(_ place: Place, position: FilePosition) {
        self.place = place
        self.position = position
    }
}

/// A part of a whole.
public struct Share: Hashable, Sendable {
    public var partsPerMillion: UInt64

    /// Makes a share; one million is the whole.
    public init(partsPerMillion: UInt64) { self.partsPerMillion = partsPerMillion }

    /// Whether `part` of `whole` is more than this share.
    public func isExceeded(by part: UInt64, of whole: UInt64) -> Bool {
        let left = part.multipliedFullWidth(by: 1_000_000)
        let right = whole.multipliedFullWidth(by: partsPerMillion)
        return (left.high, left.low) > (right.high, right.low)
    }
}

/// What begins a takeover where a sync group has several VRRP instances.
public enum TakeoverStart: String, CaseIterable, Sendable {
    /// The group's line.
    case group
    /// The line of the first instance that is master, some milliseconds earlier.
    case firstMember = "first-member"
}

/// How the agent meets keepalived.
public struct KeepalivedConfiguration: Sendable, Equatable {
    /// keepalived's own file, which names the virtual addresses.
    public var path = "/etc/keepalived/keepalived.conf"
    /// Its notify FIFO; nil: notifications come by `ctsync-ha notify`.
    public var notifyFIFO: String?
    /// What begins a takeover.
    public var commitOn = TakeoverStart.group
    /// The file that it tracks for this node's readiness.
    public var trackFile: String?

    /// Makes the defaults.
    public init() {}
}

/// Which flows belong to a sync group.
public struct GroupConfiguration: Sendable, Equatable {
    /// A mark and the bits of it that count.
    public struct Mark: Hashable, Sendable {
        public var value: UInt32
        public var mask: UInt32

        /// Makes a selector of marks.
        public init(value: UInt32, mask: UInt32 = .max) {
            self.value = value
            self.mask = mask
        }
    }

    public var name: String
    public var virtualAddresses: [HostAddress] = []
    public var prefixes: [AddressPrefix] = []
    public var zones: [UInt16] = []
    public var marks: [Mark] = []
    public var interfaces: [String] = []

    /// Makes a group without selectors.
    public init(name: String) { self.name = name }
}

/// An address and port where metrics are served.
public struct MetricsListener: Hashable, Sendable {
    public var address: HostAddress
    public var port: UInt16

    /// Makes a listener.
    public init(address: HostAddress, port: UInt16) {
        self.address = address
        self.port = port
    }
}
