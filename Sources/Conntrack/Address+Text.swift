extension Address {
    /// Reads an address as text: dotted decimal, or RFC 4291 section 2.2.
    ///
    /// Nil for anything else.
    public static func parse(_ text: some StringProtocol) -> (address: Address, family: AddressFamily)? {
        if text.utf8.contains(UInt8(ascii: ":")) {
            return parseIPv6(text).map { ($0, .ipv6) }
        }
        return parseIPv4(text).map { (Address(ipv4: $0), .ipv4) }
    }

    /// The address as text; IPv6 as in RFC 5952.
    public func text(_ family: AddressFamily) -> String {
        switch family {
        case .ipv4:
            return (0..<4).map { String((low >> (24 - 8 * UInt64($0))) & 0xff) }.joined(separator: ".")
        case .ipv6:
            return textIPv6()
        }
    }

    private var groups: [UInt16] {
        (0..<8).map { index in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
        }
    }

    private func textIPv6() -> String {
        let groups = self.groups
        var best = 0..<0
        var start = 0
        while start < 8 {
            guard groups[start] == 0 else {
                start += 1
                continue
            }
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count, end - start > 1 { best = start..<end }
            start = end
        }
        func joined(_ range: Range<Int>) -> String {
            range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? joined(0..<8) : joined(0..<best.lowerBound) + "::" + joined(best.upperBound..<8)
    }

    private static func parseIPv4(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let byte = UInt8(part), part.utf8.count == 1 || part.first != "0"
            else { return nil }
            bits = bits << 8 | UInt32(byte)
        }
        return bits
    }

    private static func parseIPv6(_ text: some StringProtocol) -> Address? {
        func groups(of part: some StringProtocol) -> [UInt16]? {
            if part.isEmpty { return [] }
            var result: [UInt16] = []
            let pieces = part.split(separator: ":", omittingEmptySubsequences: false)
            for (index, piece) in pieces.enumerated() {
                if index == pieces.count - 1, piece.contains(".") {
                    guard let bits = parseIPv4(piece) else { return nil }
                    result += [UInt16(bits >> 16), UInt16(truncatingIfNeeded: bits)]
                } else {
                    guard (1...4).contains(piece.utf8.count), let value = UInt16(piece, radix: 16),
                        piece.utf8.first != UInt8(ascii: "+")
                    else { return nil }
                    result.append(value)
                }
            }
            return result
        }
        let groupsOfAll: [UInt16]
        if let gap = text.range(ofDoubleColon: ()) {
            let rest = text[gap.upperBound...]
            guard rest.range(ofDoubleColon: ()) == nil, let front = groups(of: text[..<gap.lowerBound]),
                let back = groups(of: rest), front.count + back.count < 8
            else { return nil }
            groupsOfAll = front + Array(repeating: 0, count: 8 - front.count - back.count) + back
        } else {
            guard let all = groups(of: text), all.count == 8 else { return nil }
            groupsOfAll = all
        }
        var address = Address.any
        for (index, group) in groupsOfAll.enumerated() {
            let shifted = UInt64(group) << UInt64(48 - 16 * (index & 3))
            if index < 4 { address.high |= shifted } else { address.low |= shifted }
        }
        return address
    }
}

extension StringProtocol {
    /// Where the first "::" stands.
    fileprivate func range(ofDoubleColon: Void) -> Range<Index>? {
        var position = startIndex
        while position < endIndex {
            let next = index(after: position)
            if next < endIndex, self[position] == ":", self[next] == ":" { return position..<index(after: next) }
            position = next
        }
        return nil
    }
}
