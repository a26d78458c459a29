internal import StateMachine

/// How much a link lost lately, of counters that only grow.
struct RecentLoss {
    /// What is older no longer counts.
    static let window = Instant.Span.seconds(60)
    /// Samples are at least so far apart: thirteen fill the window.
    static let interval = Instant.Span.seconds(5)
    /// Fewer datagrams say nothing: one of them would be five percent.
    static let leastDatagrams: UInt64 = 20

    private struct Sample {
        let at: Instant
        let lost: UInt64
        let received: UInt64
    }

    private var samples: [Sample] = []

    /// Takes in the counters of now.
    mutating func take(lost: UInt64, received: UInt64, at now: Instant) {
        if let last = samples.last {
            // The peer's next incarnation: the count began anew. Late datagrams take a few from it, no more.
            if lost < last.lost / 2 || received < last.received {
                samples.removeAll()
            } else if now < last.at + Self.interval {
                return
            }
        }
        samples.append(Sample(at: now, lost: lost, received: received))
        // The oldest that stays is the one that the window begins at.
        while samples.count > 1, samples[1].at + Self.window <= now { samples.removeFirst() }
    }

    /// Datagrams lost in a thousand; nil where too few came to tell.
    var perMille: UInt32? {
        guard let first = samples.first, let last = samples.last else { return nil }
        let lost = last.lost - min(first.lost, last.lost)
        let all = last.received - first.received + lost
        return all < Self.leastDatagrams ? nil : UInt32(lost * 1_000 / all)
    }
}
