public import Bytes
public import Conntrack

/// What a link is made of: one interface, one port, and who listens at the other end.
public struct LinkSettings: Equatable, Sendable {
    /// Whom a datagram to everyone goes to.
    public enum Audience: Equatable, Sendable {
        /// These addresses, one datagram each; nobody else is heard.
        case peers([Address])
        /// A multicast group on the link; anyone on the interface is heard, since whoever authenticates is a peer.
        case group(Address)
    }

    /// Peers of one link at most: the wire is made for a few routers.
    public static let peerLimit = 15
    /// Bytes of an interface's name at most (IFNAMSIZ less its zero).
    public static let interfaceNameLimit = 15

    /// The interface's name.
    public var interface: String
    /// The family of all addresses of the link.
    public var family: AddressFamily
    /// The UDP port, at both ends.
    public var port: UInt16
    /// Addresses that the own one may be: the first that the interface has; none leaves the choice to the kernel.
    public var listenAddresses: [Address]
    /// Whom a datagram to everyone goes to.
    public var audience: Audience
    /// Bytes that the socket may queue each way, as `sync-queue-size` says.
    public var queueBytes: Int
    /// The key that numbers sources; the same for the whole run, so that a reopened link numbers them alike.
    public var sourceKey: SipHash.Key

    /// Makes settings.
    public init(
        interface: String, family: AddressFamily, port: UInt16, listenAddresses: [Address] = [], audience: Audience,
        queueBytes: Int = 8 << 20, sourceKey: SipHash.Key
    ) {
        self.interface = interface
        self.family = family
        self.port = port
        self.listenAddresses = listenAddresses
        self.audience = audience
        self.queueBytes = queueBytes
        self.sourceKey = sourceKey
    }

    /// What makes the settings unusable; nil if nothing does.
    public var fault: Fault? {
        if interface.isEmpty || interface.utf8.count > Self.interfaceNameLimit { return .interfaceName }
        if port == 0 { return .port }
        if !listenAddresses.allSatisfy({ $0.isUnicast(family) }) { return .listenAddress }
        switch audience {
        case .peers(let peers):
            if peers.isEmpty || peers.count > Self.peerLimit { return .peerCount }
            return peers.allSatisfy { $0.isUnicast(family) } ? nil : .peerAddress
        case .group(let group):
            return group.isMulticast(family) ? nil : .groupAddress
        }
    }

    /// What can be wrong with settings.
    public enum Fault: Equatable, Sendable {
        /// The interface's name is empty or longer than 15 bytes.
        case interfaceName
        /// The port is 0.
        case port
        /// A listen address is not a unicast address of the family.
        case listenAddress
        /// There is no peer, or there are more than `peerLimit`.
        case peerCount
        /// A peer is not a unicast address of the family.
        case peerAddress
        /// The group is not a multicast address of the family.
        case groupAddress
    }
}

extension Address {
    /// Whether the address is a multicast group (RFC 5771, RFC 4291).
    func isMulticast(_ family: AddressFamily) -> Bool {
        switch family {
        case .ipv4: high == 0 && low >> 28 == 0xe
        case .ipv6: high >> 56 == 0xff
        }
    }

    /// Whether the address can be a node's own.
    func isUnicast(_ family: AddressFamily) -> Bool {
        if self == .any || isMulticast(family) { return false }
        return family == .ipv6 || (high == 0 && low >> 32 == 0 && low != 0xffff_ffff)
    }

    /// Whether the address needs its interface beside it (RFC 4007).
    func isScoped(_ family: AddressFamily) -> Bool {
        family == .ipv6 && (isMulticast(family) || high >> 54 == 0xfe80 >> 6)
    }
}
