public import Conntrack

/// An address of this node, as the kernel lists it (rtnetlink(7), RTM_NEWADDR).
public struct LocalAddress: Equatable, Sendable {
    /// The address itself; of a point-to-point interface this node's end.
    public let address: Address
    /// The address's family.
    public let family: AddressFamily
    /// Bits of its network's prefix.
    public let prefixLength: UInt8
    /// The interface's index.
    public let interfaceIndex: UInt32
    /// The interface's name; empty if the kernel did not tell it yet.
    public internal(set) var interfaceName: String
    /// The address of all nodes of its network, which IPv4 alone has.
    public let broadcast: Address?

    /// Makes an address.
    public init(
        _ address: Address, _ family: AddressFamily, prefixLength: UInt8, interfaceIndex: UInt32,
        interfaceName: String = "", broadcast: Address? = nil
    ) {
        self.address = address
        self.family = family
        self.prefixLength = prefixLength
        self.interfaceIndex = interfaceIndex
        self.interfaceName = interfaceName
        self.broadcast = broadcast
    }
}

/// An interface of this node, as the kernel lists it (rtnetlink(7), RTM_NEWLINK).
public struct NetworkInterface: Equatable, Sendable {
    /// The number that the kernel gave it; a device that is made anew has another.
    public let index: UInt32
    /// Its name, which may change.
    public let name: String
    /// Whether it was set up (IFF_UP).
    public let isUp: Bool
    /// Whether it is up and its medium works (IFF_RUNNING).
    public let isRunning: Bool
    /// Bytes of a packet at most.
    public let mtu: UInt32

    /// Makes an interface.
    public init(index: UInt32, name: String, isUp: Bool, isRunning: Bool, mtu: UInt32) {
        self.index = index
        self.name = name
        self.isUp = isUp
        self.isRunning = isRunning
        self.mtu = mtu
    }
}

/// Something that changed on this node, in the order in which the kernel did it.
public enum AddressChange: Equatable, Sendable {
    /// An address is there that was not.
    case addressAppeared(LocalAddress)
    /// An address is gone.
    case addressWent(LocalAddress)
    /// An interface is there that was not.
    case interfaceAppeared(NetworkInterface)
    /// An interface is not what it was: up or down, with or without carrier, another name or MTU.
    case interfaceChanged(from: NetworkInterface, to: NetworkInterface)
    /// An interface is gone.
    case interfaceWent(NetworkInterface)
}
