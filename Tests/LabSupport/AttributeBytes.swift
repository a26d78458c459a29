/// Builds attributes as the kernel writes them, for messages that no traffic of a test makes.
enum NestedAttribute {
    /// An attribute that holds bytes.
    static func plain(_ number: UInt16, _ payload: [UInt8]) -> [UInt8] {
        let size = payload.count + 4
        return [UInt8(size & 0xff), UInt8(size >> 8), UInt8(number & 0xff), UInt8(number >> 8)] + payload
            + Array(repeating: 0, count: -size & 3)
    }

    /// An attribute that holds attributes.
    static func nested(_ number: UInt16, _ inside: [[UInt8]]) -> [UInt8] {
        plain(number | 0x8000, inside.flatMap { $0 })
    }

    /// An attribute that holds a number, big-endian.
    static func number(_ number: UInt16, _ value: some FixedWidthInteger) -> [UInt8] {
        plain(number, withUnsafeBytes(of: value.bigEndian) { Array($0) })
    }
}
