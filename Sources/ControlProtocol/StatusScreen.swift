/// What `status` prints: the verdict, why, what to do, and then how the node stands.
public enum StatusScreen {
    /// Draws a report at most 80 columns wide; `now` is for ages.
    public static func render(_ report: StatusReport, now: WallTime, palette: Palette = .plain) -> String {
        var screen = Screen()
        screen.headline(report.verdict.rawValue, report.verdict, meaning(of: report.verdict), report.node, palette)
        for reason in report.reasons {
            screen.row("why", [reason.what])
            screen.row("do", [reason.remedy])
        }
        for group in report.groups { screen.row("role", pieces(of: group, now)) }
        if report.groups.isEmpty { screen.row("role", ["no group is followed"]) }
        if let takeover = report.lastTakeover {
            screen.row(
                "takeover",
                [
                    takeover.at.text, "\(grouped(takeover.flows)) flows", "\(grouped(takeover.failed)) failed",
                    seconds(takeover.nanoseconds), takeover.reason,
                ])
        }
        for peer in report.peers {
            screen.row("peer", pieces(of: peer, over: report.links))
            screen.row("digest", pieces(of: peer.digest))
        }
        if report.peers.isEmpty { screen.row("peer", ["none heard"]) }
        // One link that is well is no news.
        if report.links.count > 1 || report.links.contains(where: { !isWell($0) }) {
            for link in report.links { screen.row("link", pieces(of: link)) }
        }
        screen.row(
            "caches",
            [
                "internal \(text(of: report.internalCache))", "external \(text(of: report.externalCache))",
                "standby \(report.standby.rawValue)",
            ])
        screen.row("kernel", [kernel(report.kernel)])
        if report.hold.state != .off {
            screen.row("hold", [report.hold.state.rawValue, "\(grouped(report.hold.held)) packets held"])
        }
        screen.row("counters", report.counters.filter { $0.value > 0 }.map { "\($0.name) \(grouped($0.value))" })
        return screen.text
    }

    private static func meaning(of verdict: StatusReport.Verdict) -> String {
        switch verdict {
        case .ok: "ready for a failover"
        case .warning: "a failover now may lose connections"
        case .critical: "not ready for a failover"
        }
    }

    private static func pieces(of group: StatusReport.Group, _ now: WallTime) -> [String] {
        [
            group.role.rawValue.uppercased(), "group \(group.name)",
            group.since.map { "for \(elapsed(now.secondsSince($0)))" } ?? "",
            group.source == .none ? "said by nobody" : "said by \(group.source.rawValue)",
            group.term.map { "term \($0)" } ?? "",
            group.role == .master ? "" : group.readiness.map { "readiness \($0.rawValue)" } ?? "",
        ]
    }

    private static func pieces(of peer: StatusReport.Peer, over links: [StatusReport.Link]) -> [String] {
        let sync = peer.inSync.map { $0 ? "in sync" : "NOT in sync" } ?? "sync unknown"
        let roles =
            peer.roles.count == 1
            ? [peer.roles[0].role.rawValue.uppercased()]
            : peer.roles.map { "\($0.group) \($0.role.rawValue.uppercased())" }
        let link = links.count > 1 ? peer.link.map { "over \($0)" } ?? "" : ""
        return ["\(peer.name ?? "unnamed") \(peer.address)", link] + roles + [
            sync, peer.lagMilliseconds.map { "lag \(elapsed(milliseconds: $0))" } ?? "",
            peer.unacknowledged.map { $0 == 0 ? "" : "\(grouped($0)) unacknowledged" } ?? "",
            peer.lastHeardMilliseconds.map { "heard \(elapsed(milliseconds: $0)) ago" } ?? "never heard",
        ]
    }

    private static func isWell(_ link: StatusReport.Link) -> Bool {
        link.there && link.carrier && link.obstacle == nil
    }

    private static func pieces(of link: StatusReport.Link) -> [String] {
        [
            link.name, link.mode.rawValue,
            !link.there ? "AWAY" : !link.carrier ? "NO CARRIER" : link.obstacle == nil ? "" : "NOT WELL",
            link.active ? "in use" : "",
        ]
    }

    private static func pieces(of digest: StatusReport.Digest) -> [String] {
        guard let local = digest.local, let remote = digest.remote else { return [] }
        return [
            "\(hexadecimal(local)) \(local == remote ? "=" : "differs from") \(hexadecimal(remote))",
            digest.version.map { "at version \(grouped($0))" } ?? "",
        ]
    }

    private static func text(of cache: StatusReport.Cache) -> String {
        guard let expectations = cache.expectations, expectations > 0 else { return grouped(cache.flows) }
        return "\(grouped(cache.flows)) + \(grouped(expectations)) expectations"
    }

    private static func kernel(_ kernel: StatusReport.Kernel) -> String {
        guard let entries = kernel.entries else { return "entries unknown" }
        guard let limit = kernel.limit, limit > 0 else { return "\(grouped(entries)) entries" }
        let percent = entries.multipliedFullWidth(by: 100)
        let share = percent.high < limit ? limit.dividingFullWidth(percent).quotient : 100
        return "\(grouped(entries)) of \(grouped(limit)) entries (\(share) %)"
    }

    private static func seconds(_ nanoseconds: UInt64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction) s"
    }
}
