/// What a node says of the connection tracking that its flows would meet there; what is unknown is nil.
///
/// Peers tell each other, so that either can answer beforehand whether a failover would be safe.
public struct NodeFacts: Equatable, Sendable {
    /// When flows make events (sysctl nf_conntrack_events).
    public enum Events: UInt8, Sendable, CaseIterable {
        case never = 0
        case always = 1
        /// Only flows that begin while somebody listens.
        case automatic = 2
    }

    /// Flows in the kernel's table of this network namespace.
    public var entries: UInt32?
    /// How many of them are copies of the master's flows, on a hot standby.
    public var copies: UInt32?
    /// Flows at most: one number for all namespaces, against which each counts its own.
    public var limit: UInt32?
    /// Hash buckets, which all namespaces share.
    public var buckets: UInt32?

    /// Whether packets are tracked.
    public var tracksPackets: Bool?
    /// Whether a rule gives labels; without one the kernel takes none.
    public var setsLabels: Bool?
    /// Whether a rule puts packets into zones.
    public var setsZones: Bool?

    public var events: Events?
    /// Whether TCP flows are picked up in mid-stream (tcp_loose).
    public var isLoose: Bool?
    /// Whether TCP packets outside the window pass (tcp_be_liberal).
    public var isLiberal: Bool?
    /// Whether checksums are verified (nf_conntrack_checksum).
    public var verifiesChecksums: Bool?

    /// Seconds by `TimeoutSetting` raw value; 0, or missing at the end, is unknown.
    public var timeouts: [UInt32] = []

    /// Helpers that are in the kernel, sorted.
    public var helpers: [KernelName] = []
    /// Helpers that the kernel would load when a flow needs them, sorted.
    public var loadableHelpers: [KernelName] = []

    /// Datagrams of the peer that this node missed lately, in a thousand.
    public var lossPerMille: UInt32?

    /// Knows nothing.
    public init() {}

    /// The timeout of a setting in seconds.
    public func timeout(_ setting: TimeoutSetting) -> UInt32? {
        let place = Int(setting.rawValue)
        guard place < timeouts.count, timeouts[place] > 0 else { return nil }
        return timeouts[place]
    }

    /// Whether this says more than that the table and the link have moved on.
    public func isNews(after former: NodeFacts?) -> Bool {
        guard var former else { return true }
        former.entries = entries
        former.lossPerMille = lossPerMille
        return former != self
    }
}
