import Foundation
import Simulation

/// Which runs are made, as far as the environment says.
enum Seeds {
    private static let environment = ProcessInfo.processInfo.environment

    /// `CTSYNC_SEEDS=1000-1999`: the seeds to run instead of the usual ones.
    static let chosen: ClosedRange<UInt64>? = range("CTSYNC_SEEDS")
    /// `CTSYNC_NODES=2-2`, `CTSYNC_LINKS=1-2`: nodes and links of drawn setups.
    static let nodes = range("CTSYNC_NODES").map { Int($0.lowerBound)...Int($0.upperBound) } ?? 2...5
    static let links = range("CTSYNC_LINKS").map { Int($0.lowerBound)...Int($0.upperBound) } ?? 1...3
    /// `CTSYNC_SIMULATE_SECONDS=7200`: how long to run fresh seeds; nil for not at all.
    static let seconds = number("CTSYNC_SIMULATE_SECONDS")
    /// `CTSYNC_SIMULATE_JOBS=2`: runs at a time.
    static let jobs = max(1, number("CTSYNC_SIMULATE_JOBS") ?? 1)

    /// A setup that a seed draws.
    static func setup(_ seed: UInt64) -> World.Setup { .drawn(seed: seed, nodes: nodes, links: links) }

    private static func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }

    private static func range(_ name: String) -> ClosedRange<UInt64>? {
        guard let text = environment[name] else { return nil }
        let numbers = text.split(separator: "-").compactMap { UInt64($0) }
        guard let first = numbers.first, let last = numbers.last else { return nil }
        return first...max(first, last)
    }
}
