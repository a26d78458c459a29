internal import Conntrack

/// The addresses and interfaces of this node, as far as the kernel's messages have told them.
///
/// A dump marks and sweeps: what it did not name is gone when it ends. What a message repeats is no change.
struct AddressTable {
    /// Addresses at most; a router has some thousands, and beyond this a fault feeds us.
    static let addressLimit = 16_384
    /// Interfaces at most, for the same reason.
    static let interfaceLimit = 16_384

    private struct Key: Hashable {
        let address: Address
        let family: AddressFamily
        let interfaceIndex: UInt32
        let prefixLength: UInt8

        init(_ found: LocalAddress) {
            address = found.address
            family = found.family
            interfaceIndex = found.interfaceIndex
            prefixLength = found.prefixLength
        }
    }

    private struct Marked<Value> {
        var value: Value
        var round: UInt32
    }

    private var addressesByKey: [Key: Marked<LocalAddress>] = [:]
    private var interfacesByIndex: [UInt32: Marked<NetworkInterface>] = [:]
    private var round: UInt32 = 0

    /// The addresses, in no order.
    var addresses: [LocalAddress] { addressesByKey.values.map(\.value) }

    /// The interfaces, in no order.
    var interfaces: [NetworkInterface] { interfacesByIndex.values.map(\.value) }

    /// The interface with an index.
    func interface(_ index: UInt32) -> NetworkInterface? { interfacesByIndex[index]?.value }

    /// Whether an address is one of this node's.
    func contains(_ address: Address, _ family: AddressFamily) -> Bool {
        addressesByKey.keys.contains { $0.address == address && $0.family == family }
    }

    /// Begins a dump of both tables: what is not named from now on will be swept.
    mutating func beginDump() { round &+= 1 }

    /// Ends the dump of the interfaces.
    mutating func sweepInterfaces(_ changes: inout [AddressChange]) {
        for entry in interfacesByIndex.values where entry.round != round {
            removeInterface(entry.value.index, &changes)
        }
    }

    /// Ends the dump of the addresses.
    mutating func sweepAddresses(_ changes: inout [AddressChange]) {
        for (key, entry) in addressesByKey where entry.round != round {
            addressesByKey[key] = nil
            changes.append(.addressWent(entry.value))
        }
    }

    /// Takes a message in; false if there is no room for what it tells.
    mutating func apply(_ message: RouteMessage, _ changes: inout [AddressChange]) -> Bool {
        switch message {
        case .address(let address, isThere: true): return insert(address, &changes)
        case .address(let address, isThere: false):
            if let old = addressesByKey.removeValue(forKey: Key(address)) { changes.append(.addressWent(old.value)) }
        case .interface(let interface, isThere: true): return insert(interface, &changes)
        case .interface(let interface, isThere: false): removeInterface(interface.index, &changes)
        case .end, .other: break
        }
        return true
    }

    private mutating func insert(_ address: LocalAddress, _ changes: inout [AddressChange]) -> Bool {
        var address = address
        address.interfaceName = interfacesByIndex[address.interfaceIndex]?.value.name ?? ""
        let key = Key(address)
        let isKnown = addressesByKey[key] != nil
        if !isKnown {
            guard addressesByKey.count < Self.addressLimit else { return false }
            changes.append(.addressAppeared(address))
        }
        addressesByKey[key] = Marked(value: address, round: round)
        return true
    }

    private mutating func insert(_ interface: NetworkInterface, _ changes: inout [AddressChange]) -> Bool {
        let old = interfacesByIndex[interface.index]?.value
        if old == nil {
            guard interfacesByIndex.count < Self.interfaceLimit else { return false }
            changes.append(.interfaceAppeared(interface))
        }
        interfacesByIndex[interface.index] = Marked(value: interface, round: round)
        if let old, old != interface { changes.append(.interfaceChanged(from: old, to: interface)) }
        if old?.name != interface.name { rename(interface) }
        return true
    }

    private mutating func removeInterface(_ index: UInt32, _ changes: inout [AddressChange]) {
        guard let old = interfacesByIndex.removeValue(forKey: index) else { return }
        // The kernel reports the addresses of a dying interface before it; here they cannot outlive it either way.
        for (key, entry) in addressesByKey where key.interfaceIndex == index {
            addressesByKey[key] = nil
            changes.append(.addressWent(entry.value))
        }
        changes.append(.interfaceWent(old.value))
    }

    private mutating func rename(_ interface: NetworkInterface) {
        for key in addressesByKey.keys where key.interfaceIndex == interface.index {
            addressesByKey[key]?.value.interfaceName = interface.name
        }
    }
}
