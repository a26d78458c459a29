/// What `statistics` prints: the shape that VyOS documents for `show conntrack-sync statistics`, then our counters.
public enum StatisticsScreen {
    /// Draws a report.
    public static func render(_ report: StatisticsReport) -> String {
        var screen = Screen()
        screen.line("Main Table Statistics:")
        screen.line()
        for (name, cache) in [("internal", report.internalCache), ("external", report.externalCache)] {
            screen.line("cache \(name):")
            screen.line(figure("current active connections:", cache.current))
            screen.line(figure("connections created:", cache.created, failed: cache.createdFailed))
            screen.line(figure("connections updated:", cache.updated, failed: cache.updatedFailed))
            screen.line(figure("connections destroyed:", cache.destroyed, failed: cache.destroyedFailed))
            screen.line()
        }
        screen.line("traffic processed:")
        screen.line(pair((report.trafficBytes, "Bytes"), (report.trafficPackets, "Pckts"), width: 26))
        screen.line()
        for link in report.links {
            let mode = link.mode == .multicast ? "multicast" : "UDP"
            let device = printable(link.device)
            screen.line("\(mode) traffic (\(link.active ? "active device" : "device")=\(device)):")
            screen.line(pair((link.bytesSent, "Bytes sent"), (link.bytesReceived, "Bytes recv")))
            screen.line(pair((link.packetsSent, "Pckts sent"), (link.packetsReceived, "Pckts recv")))
            screen.line(pair((link.errorsSent, "Error send"), (link.errorsReceived, "Error recv")))
            screen.line()
        }
        screen.line("message tracking:")
        screen.line(pair((report.malformed, "Malformed msgs"), (report.lost, "Lost msgs")))
        // What never happened is of interest to machines alone; `--json` has it.
        let counters = report.counters.filter { $0.value > 0 }
        guard !counters.isEmpty else { return screen.text }
        screen.line()
        screen.line("counters:")
        for counter in counters {
            screen.line("\(String(counter.value).rightAligned(to: 20)) \(printable(counter.name))")
        }
        return screen.text
    }

    private static func figure(_ label: String, _ value: UInt64, failed: UInt64? = nil) -> String {
        let digits = String(value)
        let line = label + digits.rightAligned(to: max(digits.count + 1, 44 - label.count))
        return failed.map { "\(line)    failed: \(String($0).rightAligned(to: 12))" } ?? line
    }

    private static func pair(_ left: (UInt64, String), _ right: (UInt64, String), width: Int = 21) -> String {
        "\(String(left.0).rightAligned(to: 20)) \(left.1) \(String(right.0).rightAligned(to: width - 1)) \(right.1)"
    }
}
