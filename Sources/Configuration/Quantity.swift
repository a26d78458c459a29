internal import StateMachine

/// Reads numbers with units: `64MiB`, `2s`, `1%`.
enum Quantity {
    /// Digits and what follows them; nil if there are no digits or too many.
    private static func split(_ text: String) -> (number: UInt64, unit: String)? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard !digits.isEmpty, let number = UInt64(digits) else { return nil }
        return (number, String(text[digits.endIndex...]))
    }

    private static func product(_ number: UInt64, _ factor: UInt64) -> UInt64? {
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// Bytes of `8MiB`; a bare number is MiB, as VyOS means it.
    static func bytes(_ text: String) -> UInt64? {
        guard let (number, unit) = split(text) else { return nil }
        switch unit {
        case "B": return number
        case "KiB": return product(number, 1 << 10)
        case "MiB", "": return product(number, 1 << 20)
        case "GiB": return product(number, 1 << 30)
        default: return nil
        }
    }

    /// The span of `500ms`, `2s`, `10m` or `1h`; a bare number is seconds where that is allowed.
    static func span(_ text: String, bareSeconds: Bool) -> Instant.Span? {
        guard let (number, unit) = split(text) else { return nil }
        let factor: UInt64
        switch unit {
        case "ms": factor = 1_000_000
        case "s": factor = 1_000_000_000
        case "" where bareSeconds: factor = 1_000_000_000
        case "m": factor = 60_000_000_000
        case "h": factor = 3_600_000_000_000
        default: return nil
        }
        return product(number, factor).map(Instant.Span.init(nanoseconds:))
    }

    /// The share of `1%` or `0.25%`, at most four digits behind the point.
    static func share(_ text: String) -> Share? {
        guard text.last == "%" else { return nil }
        let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isNumber) }),
            let whole = UInt64(parts[0]), whole <= 100
        else { return nil }
        var fractionParts: UInt64 = 0
        if parts.count == 2 {
            guard parts[1].count <= 4, let fraction = UInt64(parts[1]) else { return nil }
            fractionParts = (parts[1].count..<4).reduce(fraction) { value, _ in value * 10 }
        }
        let total = whole * 10_000 + fractionParts
        return total <= 1_000_000 ? Share(partsPerMillion: total) : nil
    }

    /// A number, decimal or `0x` hexadecimal.
    static func integer(_ text: some StringProtocol) -> UInt32? {
        guard text.utf8.first != UInt8(ascii: "+") else { return nil }
        if text.hasPrefix("0x") {
            let digits = text.dropFirst(2)
            return digits.utf8.first == UInt8(ascii: "+") ? nil : UInt32(digits, radix: 16)
        }
        return UInt32(text)
    }
}
