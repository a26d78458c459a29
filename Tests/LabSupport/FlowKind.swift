public import Conntrack

/// The kinds of established TCP flows that tables are filled with.
public enum FlowKind: String, CaseIterable, Sendable {
    /// IPv4, as it is.
    case tcp
    /// IPv4, the client's address translated into the router's.
    case snat
    /// IPv6, as it is.
    case tcp6

    /// The generator of such flows, which live so many seconds.
    public func generator(timeout: UInt32 = 3_600) -> FlowGenerator {
        FlowGenerator(family: family, isTranslated: self == .snat, timeout: timeout)
    }

    /// The family of the flows' addresses.
    public var family: AddressFamily { self == .tcp6 ? .ipv6 : .ipv4 }
}
