internal import Conntrack

/// What two kernels hold of one row of the table.
struct EntryComparison {
    /// The attributes that were there to be compared.
    private(set) var compared: Set<KernelEntry.Name> = []
    /// What differs, in words; empty when the row survived as it was.
    private(set) var differences: [String] = []

    /// The attributes in their order, for printing.
    var comparedWords: String {
        KernelEntry.Name.allCases.filter(compared.contains).map(\.rawValue).joined(separator: ", ")
    }

    /// Compares the entries of a row.
    ///
    /// - Parameters:
    ///   - isLiberal: whether the second kernel cannot know the client's window scale.
    ///   - elapsed: seconds between the two dumps.
    ///   - full: the full timeout of an entry.
    init(
        _ before: [KernelEntry], _ after: [KernelEntry], isLiberal: Bool, elapsed: Double,
        full: (KernelEntry) -> UInt32
    ) {
        for entry in before {
            guard let other = after.first(where: { $0.isSame(as: entry) }) else {
                differences.append("\(entry.kind) \(entry.original.words) is missing")
                continue
            }
            for name in KernelEntry.Name.allCases where entry[name] != nil || other[name] != nil {
                compared.insert(name)
                if isLiberal, Self.withoutScales[name] == other[name] { continue }
                if let difference = Self.difference(name, entry, other, elapsed, full(entry)) {
                    differences.append(difference)
                }
            }
        }
        for entry in after where !before.contains(where: { $0.isSame(as: entry) }) {
            differences.append("\(entry.kind) \(entry.original.words) came from nowhere")
        }
    }

    /// Of a flow whose server has not answered: no scales, SACK and scaling offered, liberal on both sides.
    private static let withoutScales: [KernelEntry.Name: String] = [.scales: "0/0", .flags: "11/8"]

    private static func difference(
        _ name: KernelEntry.Name, _ entry: KernelEntry, _ other: KernelEntry, _ elapsed: Double, _ full: UInt32
    ) -> String? {
        switch name {
        case .timeout: return timeout(entry, other, elapsed, full)
        case .status where entry.kind == .flow:
            let mine = status(entry, entry)
            let theirs = status(entry, other)
            return mine == theirs ? nil : "status: \(mine.words) became \(theirs.words)"
        default:
            let mine = entry[name] ?? "-"
            let theirs = other[name] ?? "-"
            return mine == theirs ? nil : "\(name): \(mine) became \(theirs)"
        }
    }

    /// The bits of another node's entry that must be equal.
    ///
    /// A flow that is not translated needs no mark that the translation was settled: the first kernel settled it as
    /// "none" and says so, an entry that was written comes without. GRE gets a fixed timeout on purpose, or its first
    /// packet would end it: the kernel sets the entry's own timeouts from packets only. That packet makes it assured,
    /// by which the agent sees that it lives.
    private static func status(_ entry: KernelEntry, _ shown: KernelEntry) -> FlowStatus {
        var status = shown.status
        if entry.status.isDisjoint(with: [.sourceNAT, .destinationNAT]) {
            status.subtract([.sourceNATDone, .destinationNATDone])
        }
        if entry.original.protocol == .gre { status.subtract([.fixedTimeout, .assured]) }
        return status
    }

    /// Never too short, and too long by one full timeout at most; a second is lost in rounding.
    private static func timeout(
        _ entry: KernelEntry, _ other: KernelEntry, _ elapsed: Double, _ full: UInt32
    ) -> String? {
        let least = Double(entry.timeout) - elapsed - 1
        let most = Double(entry.timeout) + Double(full) + 1
        if Double(other.timeout) >= least, Double(other.timeout) <= most { return nil }
        return "timeout: \(entry.timeout) s became \(other.timeout) s, allowed \(Int(least)) to \(Int(most))"
    }
}
