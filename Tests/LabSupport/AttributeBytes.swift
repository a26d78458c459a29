/// Netlink attributes as bytes, for messages and requests that neither traffic nor the agent would make.
public enum AttributeBytes {
    /// An attribute that holds bytes.
    public static func plain(_ number: UInt16, _ payload: [UInt8]) -> [UInt8] {
        let size = payload.count + 4
        let header = [UInt8(size & 0xff), UInt8(size >> 8), UInt8(number & 0xff), UInt8(number >> 8)]
        return header + payload + Array(repeating: 0, count: -size & 3)
    }

    /// An attribute that holds attributes.
    public static func nested(_ number: UInt16, _ inside: [[UInt8]]) -> [UInt8] {
        plain(number | 0x8000, inside.flatMap { $0 })
    }

    /// An attribute that holds a number, big-endian.
    public static func number(_ number: UInt16, _ value: some FixedWidthInteger) -> [UInt8] {
        var bytes: [UInt8] = []
        var shift = value.bitWidth - 8
        while shift >= 0 {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
            shift -= 8
        }
        return plain(number, bytes)
    }
}
