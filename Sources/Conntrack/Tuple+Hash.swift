public import Bytes

extension Tuple {
    /// The hash of the tuple under a key, for tables: two words for IPv4, five for IPv6.
    public func hash(_ key: SipHash.Key) -> UInt64 {
        var hash = SipHash(key)
        combine(into: &hash)
        return hash.finish()
    }

    /// Takes the tuple into a hash.
    func combine(into hash: inout SipHash) {
        let keys = UInt64(sourceKey) << 48 | UInt64(destinationKey) << 32
        let rest = UInt64(zone) << 16 | UInt64(family.rawValue) << 8 | UInt64(self.protocol.rawValue)
        hash.combine(keys | rest)
        switch family {
        case .ipv4:
            hash.combine(source.low << 32 | destination.low)
        case .ipv6:
            hash.combine(source.high)
            hash.combine(source.low)
            hash.combine(destination.high)
            hash.combine(destination.low)
        }
    }
}

extension ExpectationKey {
    /// The hash of the key under a key of chance, for tables: expectations with one tuple and two masks are rare.
    public func hash(_ key: SipHash.Key) -> UInt64 { tuple.hash(key) }
}
