/// What a node counted since it started, as `statistics` shows it.
public struct StatisticsReport: Equatable, Sendable {
    /// The version of the JSON keys.
    public static let schema: UInt32 = 1

    /// What happened to a cache.
    public struct Cache: Hashable, Sendable, Encodable {
        /// Flows in it now.
        public var current: UInt64
        public var created: UInt64
        public var createdFailed: UInt64
        public var updated: UInt64
        public var updatedFailed: UInt64
        public var destroyed: UInt64
        public var destroyedFailed: UInt64

        private enum CodingKeys: String, CodingKey {
            case current, created, updated, destroyed
            case createdFailed = "created_failed"
            case updatedFailed = "updated_failed"
            case destroyedFailed = "destroyed_failed"
        }

        /// Makes a cache's counters.
        public init(
            current: UInt64 = 0, created: UInt64 = 0, createdFailed: UInt64 = 0, updated: UInt64 = 0,
            updatedFailed: UInt64 = 0, destroyed: UInt64 = 0, destroyedFailed: UInt64 = 0
        ) {
            self.current = current
            self.created = created
            self.createdFailed = createdFailed
            self.updated = updated
            self.updatedFailed = updatedFailed
            self.destroyed = destroyed
            self.destroyedFailed = destroyedFailed
        }
    }

    /// How a link carries datagrams.
    public enum LinkMode: String, Sendable, CaseIterable, Encodable {
        case multicast
        case unicast
    }

    /// What went over one link.
    public struct Link: Hashable, Sendable, Encodable {
        /// Name of the network interface.
        public var device: String
        public var mode: LinkMode
        /// Whether this link is the one in use.
        public var active: Bool
        public var bytesSent: UInt64
        public var bytesReceived: UInt64
        public var packetsSent: UInt64
        public var packetsReceived: UInt64
        public var errorsSent: UInt64
        public var errorsReceived: UInt64

        private enum CodingKeys: String, CodingKey {
            case device, mode, active
            case bytesSent = "bytes_sent"
            case bytesReceived = "bytes_received"
            case packetsSent = "packets_sent"
            case packetsReceived = "packets_received"
            case errorsSent = "errors_sent"
            case errorsReceived = "errors_received"
        }

        /// Makes a link's counters.
        public init(
            device: String, mode: LinkMode, active: Bool, bytesSent: UInt64 = 0, bytesReceived: UInt64 = 0,
            packetsSent: UInt64 = 0, packetsReceived: UInt64 = 0, errorsSent: UInt64 = 0, errorsReceived: UInt64 = 0
        ) {
            self.device = device
            self.mode = mode
            self.active = active
            self.bytesSent = bytesSent
            self.bytesReceived = bytesReceived
            self.packetsSent = packetsSent
            self.packetsReceived = packetsReceived
            self.errorsSent = errorsSent
            self.errorsReceived = errorsReceived
        }
    }

    public var internalCache: Cache
    public var externalCache: Cache
    /// What the flows carried that ended here.
    public var trafficBytes: UInt64
    public var trafficPackets: UInt64
    public var links: [Link]
    /// Datagrams that could not be understood.
    public var malformed: UInt64
    /// Datagrams that were missed.
    public var lost: UInt64
    /// Every other counter, drops above all.
    public var counters: [NamedCount]

    /// Makes a report.
    public init(
        internalCache: Cache = Cache(), externalCache: Cache = Cache(), trafficBytes: UInt64 = 0,
        trafficPackets: UInt64 = 0, links: [Link] = [], malformed: UInt64 = 0, lost: UInt64 = 0,
        counters: [NamedCount] = []
    ) {
        self.internalCache = internalCache
        self.externalCache = externalCache
        self.trafficBytes = trafficBytes
        self.trafficPackets = trafficPackets
        self.links = links
        self.malformed = malformed
        self.lost = lost
        self.counters = counters
    }
}
