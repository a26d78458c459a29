/// One line that a measurement printed, or one that the script wrote about the run.
struct ResultLine: Decodable {
    var measurement: MeasurementKind?
    var agent: String?
    var `case`: String?
    var flows: Int?
    var figures: [String: Double]?
    var noise: Noise?
    var note: Note?

    /// What may have disturbed a measurement.
    struct Noise: Codable {
        /// The load average of one minute when it began.
        var load: Double
        /// Listeners for new flows in other namespaces: one is enough to slow every insert.
        var strangers: Int
    }

    /// Something said of the whole run: the machine, a measurement that failed or was left out.
    struct Note: Codable {
        var key: String
        var text: String
    }
}

/// What is measured; the raw values are those of the scripts.
enum MeasurementKind: String, Codable, CaseIterable {
    case bulk, commit, promotion, silence, live, stream

    /// The figure by which agents are compared; the scripts print it first.
    var principal: String {
        switch self {
        case .bulk, .promotion: "seconds"
        case .commit: "rate"
        case .silence: "max_ms"
        case .live: "p99_ms"
        case .stream: "active_us"
        }
    }

    /// The other figures, in the order of the table.
    var further: [String] {
        switch self {
        case .bulk: ["active_bytes", "standby_bytes", "asked_again"]
        case .commit: ["seconds", "user_us", "system_us", "refused", "missing"]
        case .promotion: ["user_us", "system_us", "refused", "missing"]
        case .silence: ["p99_ms", "median_ms", "election_ms", "survivors"]
        case .live: ["median_ms", "max_ms", "missing"]
        case .stream: ["standby_us", "rate", "missing", "overruns"]
        }
    }

    /// The heading of its part of the table.
    var title: String {
        switch self {
        case .bulk: "Bulk to a standby that comes back empty: seconds until it is in sync"
        case .commit: "Cold takeover: flows a second into the kernel"
        case .promotion: "Hot takeover: seconds from the promotion to the complete kernel"
        case .silence: "1,000 live connections, the master cut off: the longest silence in ms"
        case .stream: "Replication: microseconds of CPU a flow, on the master and on the standby"
        case .live: "A new flow, from the master's kernel to a hot standby's: p99 in ms"
        }
    }
}
