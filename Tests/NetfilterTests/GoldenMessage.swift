/// Messages of ctnetlink as a Linux 6.18 kernel sent them: real traffic through a router with NAT, zones, marks and
/// the FTP helper, with accounting and timestamps on, and for the rarer attributes what ctnetlink was told to keep.
struct GoldenMessage: Sendable, CustomStringConvertible {
    /// What it is, in words.
    let name: String
    /// The message from its netlink header on.
    let bytes: [UInt8]

    var description: String { name }

    init(_ name: String, _ hexadecimal: String) {
        self.name = name
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    var isDumped: Bool { name.hasPrefix("a dump line") }

    /// Those about flows.
    static let all = events + ends + dumps + extensions
}
