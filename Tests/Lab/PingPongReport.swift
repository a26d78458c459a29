internal import LinuxIO
internal import StateMachine

/// What became of the connections.
struct PingPongReport {
    private var connections: Int
    private var interval: Instant.Span
    private var lasted: Instant.Span
    private var survivors: Int
    private var refused: Int
    private var reset: Int
    private var silent: Int
    private var exchanges: UInt64
    private var garbled: UInt64
    private var silences: [Instant.Span]
    private var lastAnsweredAgain: UInt64?

    /// Sums up connections that have been closed.
    init(_ exchanges: [Exchange], interval: Instant.Span, lasted: Instant.Span) {
        self.interval = interval
        self.lasted = lasted
        connections = exchanges.count
        survivors = exchanges.count { $0.state == .open && $0.isAnswered }
        refused = exchanges.count { $0.state == .refused || $0.state == .connecting }
        reset = exchanges.count { $0.state == .reset }
        silent = connections - survivors - refused - reset
        self.exchanges = exchanges.reduce(0) { $0 + $1.echoes }
        garbled = exchanges.reduce(0) { $0 + $1.garbled }
        silences = exchanges.map(\.longestSilence.length).sorted()
        let lastEnd = exchanges.filter { $0.state == .open && $0.isAnswered }.map(\.longestSilence.end).max()
        // The wall clock lines the moment up with keepalived's and the agents'.
        lastAnsweredAgain = lastEnd.map { end in
            (WallClock.nanoseconds() - MonotonicClock.now().since(end).nanoseconds) / 1_000_000
        }
    }

    /// Whether every connection still answers and none was garbled.
    var isFlawless: Bool { survivors == connections && garbled == 0 }

    /// A silence that this share of the connections did not exceed.
    private func silence(_ share: Double) -> Double {
        guard let last = silences.last else { return 0 }
        let index = Int((Double(silences.count) * share).rounded(.up)) - 1
        let span = share >= 1 ? last : silences[min(max(index, 0), silences.count - 1)]
        return Double(span.nanoseconds / 10_000) / 100
    }

    /// For people.
    var plain: String {
        """
        \(survivors) of \(connections) connections alive; \(reset) reset, \(silent) silent, \(refused) never opened
        longest silence: median \(silence(0.5)) ms, p99 \(silence(0.99)) ms, max \(silence(1)) ms \
        (a message every \(interval.milliseconds) ms)
        \(exchanges) exchanges in \(lasted.seconds.rounded()) s, \(garbled) garbled
        """
    }

    /// For scripts: one object on one line; times in milliseconds, `last_answered_again_ms` since 1970.
    var json: String {
        """
        {"connections":\(connections),"survivors":\(survivors),"reset":\(reset),"silent":\(silent),\
        "never_opened":\(refused),"exchanges":\(exchanges),"garbled":\(garbled),\
        "interval_ms":\(interval.milliseconds),"lasted_ms":\(lasted.milliseconds),\
        "longest_silence_ms":{"median":\(silence(0.5)),"p99":\(silence(0.99)),"max":\(silence(1))},\
        "last_answered_again_ms":\(lastAnsweredAgain.map(String.init) ?? "null")}
        """
    }
}
