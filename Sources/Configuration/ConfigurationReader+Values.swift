internal import Conntrack
internal import StateMachine

extension ConfigurationReader {
    /// Reads an address.
    mutating func address(_ word: Word) -> HostAddress? {
        if let address = HostAddress(parsing: word.text) { return address }
        error(word.position, "`\(word.text)` is no address", remedy: "write an IPv4 or IPv6 address")
        return nil
    }

    /// Reads an address that this node can have, with its place.
    mutating func listenAddress(_ word: Word) -> (address: HostAddress, position: FilePosition)? {
        guard let address = address(word) else { return nil }
        guard !address.isMulticast, address.address != .any else {
            error(
                word.position, "\(address) is \(address.isMulticast ? "a multicast address" : "every address")",
                remedy: "write an address of this node")
            return nil
        }
        return (address, word.position)
    }

    /// Reads an address, and drops a length behind it: virtual addresses are often written with one.
    mutating func addressWithOptionalLength(_ word: Word) -> HostAddress? {
        guard word.text.contains("/") else { return address(word) }
        guard AddressPrefix(parsing: word.text) != nil, let text = word.text.split(separator: "/").first else {
            error(word.position, "`\(word.text)` is no address", remedy: "write an IPv4 or IPv6 address")
            return nil
        }
        return HostAddress(parsing: text)
    }

    /// Reads an address or a prefix.
    mutating func prefix(_ word: Word) -> AddressPrefix? {
        if let prefix = AddressPrefix(parsing: word.text) { return prefix }
        error(
            word.position, "`\(word.text)` is no address and no prefix",
            remedy: "write an IPv4 or IPv6 address, or ADDRESS/LENGTH")
        return nil
    }

    /// Reads a port.
    mutating func port(_ word: Word) -> UInt16? {
        if let port = Quantity.integer(word.text).flatMap({ UInt16(exactly: $0) }), port > 0 { return port }
        error(word.position, "`\(word.text)` is no port", remedy: "write a number from 1 to 65535")
        return nil
    }

    /// Reads the name of a network interface: what the kernel takes (dev_valid_name, net/core/dev.c).
    mutating func interfaceName(_ word: Word) -> String? {
        let name = word.text
        if (1...15).contains(name.utf8.count), name != ".", name != "..",
            !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") || $0 <= 0x20 })
        {
            return name
        }
        error(
            word.position, "`\(name)` is no interface name",
            remedy: "write a name as `ip link` shows it, at most 15 bytes")
        return nil
    }

    /// Reads the size of a socket buffer.
    mutating func bufferSize(_ word: Word) -> Int? {
        let allowed: ClosedRange<UInt64> = 64 << 10...1 << 30
        guard let bytes = Quantity.bytes(word.text), allowed.contains(bytes) else {
            error(
                word.position, "`\(word.text)` is no buffer size",
                remedy: "write 64KiB to 1GiB; a bare number is MiB")
            return nil
        }
        return Int(bytes)
    }

    /// Reads a span of time within bounds.
    mutating func span(
        _ word: Word, from least: Instant.Span, to most: Instant.Span, bareSeconds: Bool = false, bounds: String
    ) -> Instant.Span? {
        guard let span = Quantity.span(word.text, bareSeconds: bareSeconds) else {
            error(
                word.position, "`\(word.text)` is no span of time",
                remedy: bareSeconds
                    ? "write seconds, or a number with ms, s, m or h" : "write a number with ms, s, m or h")
            return nil
        }
        guard span >= least, span <= most else {
            error(word.position, "`\(word.text)` is out of bounds", remedy: "write \(bounds)")
            return nil
        }
        return span
    }

    /// Reads `on` or `off`; yes and no, true and false are other people's words for them.
    mutating func onOff(_ word: Word) -> Bool? {
        switch word.text {
        case "on": return true
        case "off": return false
        default:
            error(word.position, "`\(word.text)` is neither on nor off", remedy: "write on or off")
            return nil
        }
    }

    /// Reads an absolute path.
    mutating func absolutePath(_ word: Word) -> String? {
        if word.text.hasPrefix("/") { return word.text }
        error(word.position, "`\(word.text)` is no absolute path", remedy: "begin it with /")
        return nil
    }

    /// Reads the name of a node or a group of users: letters, digits, `.`, `_` and `-`, at most 63 of them.
    mutating func plainName(_ word: Word) -> String? {
        if Self.isPlainName(word.text) { return word.text }
        error(
            word.position, "`\(word.text)` is no name",
            remedy: "write letters, digits, `.`, `_` and `-`, at most 63 of them")
        return nil
    }

    /// Whether a text is fit for a node's name.
    static func isPlainName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
    }

    /// Reads one of a few words.
    mutating func choice<Choice: CaseIterable & RawRepresentable>(_ word: Word, _: Choice.Type) -> Choice?
    where Choice.RawValue == String {
        if let choice = Choice(rawValue: word.text) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        let remedy =
            Spelling.nearest(to: word.text, among: known).map { "did you mean `\($0)`?" }
            ?? "write one of: \(known.joined(separator: " "))"
        error(word.position, "unknown value `\(word.text)`", remedy: remedy)
        return nil
    }
}
