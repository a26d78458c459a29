/// Which flows this node replicates: everything but own flows, ignored addresses and unwanted protocols.
public struct FlowFilter: Sendable, Equatable {
    /// Why a flow is left out, or that it is not.
    public enum Verdict: UInt8, Sendable, CaseIterable {
        case replicated
        /// An own flow: it cannot go on elsewhere, and nobody else may touch it.
        case own
        /// `accept-protocol` does not name it.
        case `protocol`
        /// `ignore-address` names one of its addresses.
        case address
    }

    /// Protocols that are replicated; nil for all.
    public var acceptedProtocols: Set<ProtocolNumber>?
    /// Addresses that take no part, at any place of either tuple.
    public var ignoredAddresses: [AddressPrefix]
    /// Addresses of this node that are not virtual: the mark of own flows.
    public var ownAddresses: Set<OwnAddress>

    /// An address of this node with its family.
    public struct OwnAddress: Hashable, BitwiseCopyable, Sendable {
        public var address: Address
        public var family: AddressFamily

        /// Makes an address of this node.
        public init(_ address: Address, _ family: AddressFamily) {
            self.address = address
            self.family = family
        }
    }

    /// Makes a filter; without arguments every flow passes that is not own by its kind of address.
    public init(
        acceptedProtocols: Set<ProtocolNumber>? = nil, ignoredAddresses: [AddressPrefix] = [],
        ownAddresses: Set<OwnAddress> = []
    ) {
        self.acceptedProtocols = acceptedProtocols
        self.ignoredAddresses = ignoredAddresses
        self.ownAddresses = ownAddresses
    }

    /// Judges a flow by its tuples.
    public func verdict(_ flow: Flow) -> Verdict { verdict(flow.original, flow.reply) }

    /// Judges a flow by its tuples.
    public func verdict(_ original: Tuple, _ reply: Tuple) -> Verdict {
        if isOwn(original) || isOwn(reply) { return .own }
        if let accepted = acceptedProtocols, !accepted.contains(original.protocol) { return .protocol }
        for prefix in ignoredAddresses
        where prefix.contains(original.source, original.family)
            || prefix.contains(original.destination, original.family)
            || prefix.contains(reply.source, reply.family) || prefix.contains(reply.destination, reply.family)
        {
            return .address
        }
        return .replicated
    }

    private func isOwn(_ tuple: Tuple) -> Bool {
        isOwn(tuple.source, tuple.family) || isOwn(tuple.destination, tuple.family)
    }

    private func isOwn(_ address: Address, _ family: AddressFamily) -> Bool {
        address.isBoundToItsNode(family) || ownAddresses.contains(OwnAddress(address, family))
    }
}

extension Address {
    /// Whether the address means something on one node or one link only: unspecified, loopback, link-local,
    /// multicast or limited broadcast (RFC 6890, RFC 4291).
    ///
    /// Directed broadcasts are the address list's business.
    public func isBoundToItsNode(_ family: AddressFamily) -> Bool {
        switch family {
        case .ipv4:
            let bits = UInt32(truncatingIfNeeded: low)
            return bits >> 24 == 0 || bits >> 24 == 127 || bits >> 16 == 0xa9fe || bits >> 28 == 0xe
                || bits == .max
        case .ipv6:
            return high >> 54 == 0xfe80 >> 6 || high >> 56 == 0xff || (high == 0 && low <= 1)
        }
    }
}
