internal import Bytes
internal import Conntrack

/// Headers and attributes: lengths in the machine's order, numbers big-endian, everything padded to four bytes.
extension FlowMessageWriter {
    /// Begins a request: struct nlmsghdr and struct nfgenmsg.
    mutating func begin(_ type: UInt16, flags: UInt16, sequence: UInt32, family: AddressFamily?) -> Int {
        let start = buffer.count
        buffer.appendNative(UInt32(0))
        buffer.appendNative(type)
        buffer.appendNative(flags | NetlinkMessage.Flags.request)
        buffer.appendNative(sequence)
        buffer.appendNative(UInt32(0))
        buffer.append(family?.rawValue ?? 0)
        buffer.append(UInt8(0))
        buffer.append(UInt16(0))
        return start
    }

    /// Ends a request by writing its length.
    mutating func finish(_ start: Int) {
        precondition(!buffer.overflowed, "a request is larger than largestRequest")
        buffer.patchNative(UInt32(buffer.count - start), at: start)
    }

    mutating func open(_ type: UInt16) -> Int {
        let start = buffer.count
        buffer.appendNative(UInt16(0))
        buffer.appendNative(type | WireAttribute.nested)
        return start
    }

    mutating func close(_ start: Int) { buffer.patchNative(UInt16(buffer.count - start), at: start) }

    mutating func appendUInt8(_ type: UInt16, _ value: UInt8) {
        appendHeader(type, size: 1)
        buffer.append(UInt32(value) << 24)
    }

    mutating func appendUInt16(_ type: UInt16, _ value: UInt16) {
        appendHeader(type, size: 2)
        buffer.append(UInt32(value) << 16)
    }

    mutating func appendUInt32(_ type: UInt16, _ value: UInt32) {
        appendHeader(type, size: 4)
        buffer.append(value)
    }

    mutating func appendUInt64(_ type: UInt16, _ value: UInt64) {
        appendHeader(type, size: 8)
        buffer.append(value)
    }

    /// Appends a name with its final zero.
    mutating func append(_ type: UInt16, _ name: KernelName) {
        appendHeader(type, size: name.count + 1)
        for place in 0..<name.count { buffer.append(name[place]) }
        buffer.append(UInt8(0))
        buffer.pad(to: 4)
    }

    mutating func append(_ kind: WireAttribute.Flow, _ value: UInt32) { appendUInt32(kind.rawValue, value) }

    mutating func append(_ type: UInt16, _ address: Address, _ family: AddressFamily) {
        switch family {
        case .ipv4:
            appendHeader(type, size: 4)
            buffer.append(UInt32(truncatingIfNeeded: address.low))
        case .ipv6:
            appendHeader(type, size: 16)
            buffer.append(address.high)
            buffer.append(address.low)
        }
    }

    mutating func appendHeader(_ type: UInt16, size: Int) {
        buffer.appendNative(UInt16(size + Attribute.headerSize))
        buffer.appendNative(type)
    }
}

extension Tuple {
    /// Whether addresses, protocol and keys are the same; the zone does not count.
    func isSameDirection(as other: Tuple) -> Bool {
        source == other.source && destination == other.destination && sourceKey == other.sourceKey
            && destinationKey == other.destinationKey && family == other.family && self.protocol == other.protocol
    }
}

extension UInt32 {
    /// A timeout that the kernel takes and that leaves the entry alive.
    var writable: UInt32 { Swift.min(Swift.max(self, 1), Flow.maximumTimeout) }
}
