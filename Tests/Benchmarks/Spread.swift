/// The least, the middle and the greatest of several runs.
struct Spread: Encodable {
    var min: Double
    var median: Double
    var max: Double

    /// Sums up numbers; nil if there are none.
    init?(_ numbers: [Double]) {
        let sorted = numbers.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        (min, max) = (first, last)
        let middle = sorted.count / 2
        median = sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// The median, and the bounds where they differ.
    var text: String {
        let (low, middle, high) = (min.short, median.short, max.short)
        return low == high ? middle : "\(middle) (\(low) to \(high))"
    }
}

extension Double {
    /// Three digits that count, with k and M behind thousands and millions.
    var short: String {
        switch magnitude {
        case 1_000_000...: (self / 1_000_000).short + " M"
        case 10_000...: (self / 1_000).short + " k"
        case 100...: String(Int(rounded()))
        case 10...: decimal(1)
        case 0.1...: decimal(2)
        case 0: "0"
        default: decimal(4)
        }
    }

    private func decimal(_ places: Int) -> String {
        let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
        let text = String((self * scale).rounded() / scale)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
