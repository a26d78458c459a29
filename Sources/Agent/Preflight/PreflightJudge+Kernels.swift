internal import Conntrack
internal import ControlProtocol
internal import Netfilter

// What the flows would meet in the next master's kernel, and whether it differs from where they are.
extension PreflightJudge {
    /// One node with what it said of its kernel.
    private struct Known {
        let name: String
        let facts: NodeFacts
    }

    /// Judges the kernels of the master and of each node that may be next; unknown where one has not told.
    private func eachPair(_ judge: (_ from: Known, _ to: Known) -> Answer) -> Answer {
        Self.sum(
            situation.failovers.map { failover in
                guard let present = failover.from.facts, let next = failover.to.facts else { return .unknown }
                return judge(
                    Known(name: failover.from.name, facts: present), Known(name: failover.to.name, facts: next))
            })
    }

    /// Judges each table that the flows may come to.
    private func eachTable(_ judge: (PreflightReport.Table) -> Answer) -> Answer {
        let tables = expectedTables
        let isComplete = tables.count == situation.failovers.count
        return Self.sum(tables.map(judge) + (isComplete ? [] : [.unknown]))
    }

    func judgeTracking() -> Answer {
        eachPair { from, to in
            var found: [PreflightReport.Finding] = []
            for (node, severity) in [(to, PreflightReport.Verdict.notSafe), (from, .doubtful)]
            where node.facts.tracksPackets == false {
                found.append(
                    .init(
                        .tracking, severity,
                        "no ruleset enables conntrack on \(node.name): packets are not tracked, and meet no entry",
                        on: node.name, "nft -f /etc/nftables.conf"))
            }
            if found.isEmpty, to.facts.tracksPackets == nil { return .unknown }
            return Self.sum(found)
        }
    }

    func judgeTable() -> Answer {
        eachTable { table in
            guard let limit = table.limit, limit > 0 else { return .unknown }
            let share = Double(table.expected) / Double(limit) * 100
            guard share >= Double(Self.fullTable) else { return .passed }
            let what = "\(table.node) would hold \(table.expected) flows of \(limit) at most (nf_conntrack_max)"
            return Self.found(
                .table, table.expected > limit ? .notSafe : .doubtful, what, on: table.node,
                "sysctl -w net.netfilter.nf_conntrack_max=\(Self.powerOfTwo(atLeast: table.expected * 2))")
        }
    }

    func judgeChains() -> Answer {
        eachTable { table in
            guard let mean = table.meanChain else { return .unknown }
            guard mean >= Self.longChain else { return .passed }
            let what =
                "\(table.node) would have \(UInt64(mean)) entries in a hash chain; the kernel refuses flows from "
                + "\(UInt64(Self.longestChain)) on"
            return Self.found(
                .chains, mean >= Self.longestChain ? .notSafe : .doubtful, what, on: table.node,
                "sysctl -w net.netfilter.nf_conntrack_buckets=\(Self.powerOfTwo(atLeast: table.expected))")
        }
    }

    func judgeCommit() -> Answer {
        Self.sum(
            situation.failovers.map { failover in
                guard let next = failover.to.facts else { return .unknown }
                let seconds = situation.flows / Self.commitRate
                // A hot standby says how many copies it has.
                guard next.copies == nil, seconds >= Self.holdLimit else { return .passed }
                let node = failover.to.name
                return Self.found(
                    .commit, .doubtful,
                    "\(node) is a cold standby: to commit \(situation.flows) flows takes it some \(seconds) s, and its "
                        + "hold ends before (hold-limit)", on: node,
                    "sed -i 's/standby cold/standby hot/' /etc/ctsync-ha/ctsync-ha.conf; systemctl restart ctsync-ha")
            })
    }

    func judgeHelpers() -> Answer {
        eachPair { from, to in
            let known = Set(to.facts.helpers + to.facts.loadableHelpers)
            let missing = from.facts.helpers.filter { !known.contains($0) }
            guard !missing.isEmpty else { return .passed }
            var modules: [String] = []
            for module in missing.map({ TrackingModules.module(of: $0) ?? $0.text }) where !modules.contains(module) {
                modules.append(module)
            }
            return Self.found(
                .helpers, .doubtful,
                "helpers of \(from.name) are not in the kernel of \(to.name): "
                    + missing.map(\.text).joined(separator: ", "),
                on: to.name, "modprobe -a \(modules.joined(separator: " "))")
        }
    }

    func judgeZones() -> Answer {
        eachPair { from, to in
            guard let present = from.facts.setsZones, let next = to.facts.setsZones else {
                return .unknown
            }
            if present == next { return .passed }
            let (with, without) = present ? (from, to) : (to, from)
            return Self.found(
                .zones, present ? .notSafe : .doubtful,
                "rules of \(with.name) put packets into zones, those of \(without.name) do not: no packet meets its "
                    + "entry",
                on: without.name, "nft list ruleset")
        }
    }

    func judgeLabels() -> Answer {
        eachPair { from, to in
            guard let present = from.facts.setsLabels else { return .unknown }
            guard present else { return .passed }
            guard let next = to.facts.setsLabels else { return .unknown }
            if next { return .passed }
            return Self.found(
                .labels, .doubtful,
                "rules of \(from.name) give labels, none of \(to.name) does: its kernel takes no labels",
                on: to.name, "nft list ruleset")
        }
    }

    func judgeEvents() -> Answer {
        eachPair { from, to in
            let enable = "sysctl -w net.netfilter.nf_conntrack_events=1"
            var found: [PreflightReport.Finding] = []
            for (node, severity) in [(from, PreflightReport.Verdict.notSafe), (to, .doubtful)] {
                switch node.facts.events {
                case .never:
                    found.append(
                        .init(
                            .events, severity, "nf_conntrack_events is 0 on \(node.name): its flows are not replicated",
                            on: node.name, enable))
                case .automatic:
                    found.append(
                        .init(
                            .events, .doubtful,
                            "nf_conntrack_events is 2 on \(node.name): flows that begin while no agent runs are missed",
                            on: node.name, enable))
                case .always, nil: break
                }
            }
            if found.isEmpty, from.facts.events == nil || to.facts.events == nil { return .unknown }
            return Self.sum(found)
        }
    }

    func judgeSysctls() -> Answer {
        eachPair { from, to in
            func flag(_ name: String, _ fact: (NodeFacts) -> Bool?) -> PreflightReport.Finding? {
                difference(name, fact(from.facts).map { $0 ? 1 : 0 }, fact(to.facts).map { $0 ? 1 : 0 })
            }
            func difference(_ name: String, _ present: UInt32?, _ next: UInt32?) -> PreflightReport.Finding? {
                guard let present, let next, present != next else { return nil }
                return .init(
                    .sysctls, .doubtful, "nf_conntrack_\(name) is \(present) on \(from.name) and \(next) on \(to.name)",
                    on: to.name, "sysctl -w net.netfilter.nf_conntrack_\(name)=\(present)")
            }
            /// More room does no harm.
            func shrinks(_ present: UInt32?, _ next: UInt32?) -> Bool { (next ?? .max) < (present ?? 0) }
            var found = [
                flag("tcp_loose") { $0.isLoose }, flag("tcp_be_liberal") { $0.isLiberal },
                flag("checksum") { $0.verifiesChecksums },
            ]
            if shrinks(from.facts.limit, to.facts.limit) {
                found.append(difference("max", from.facts.limit, to.facts.limit))
            }
            if shrinks(from.facts.buckets, to.facts.buckets) {
                found.append(difference("buckets", from.facts.buckets, to.facts.buckets))
            }
            return Self.sum(found.compactMap { $0 })
        }
    }

    func judgeTimeouts() -> Answer {
        eachPair { from, to in
            var different: [(setting: TimeoutSetting, present: UInt32, next: UInt32)] = []
            var compared = 0
            for setting in TimeoutSetting.allCases {
                guard let present = from.facts.timeout(setting), let next = to.facts.timeout(setting) else { continue }
                compared += 1
                if present != next { different.append((setting, present, next)) }
            }
            guard compared > 0 else { return .unknown }
            guard let first = different.first else { return .passed }
            let more = different.count - 1
            let others = more == 0 ? "" : more == 1 ? "; one more timeout differs" : "; \(more) more timeouts differ"
            return Self.found(
                .timeouts, .doubtful,
                "nf_conntrack_\(first.setting.sysctl) is \(first.present) s on \(from.name) and \(first.next) s on "
                    + to.name + others, on: to.name,
                "sysctl -w "
                    + different.map { "net.netfilter.nf_conntrack_\($0.setting.sysctl)=\($0.present)" }
                    .joined(separator: " "))
        }
    }

    /// The smallest power of two that is not below a number.
    private static func powerOfTwo(atLeast number: UInt64) -> UInt64 {
        number <= 1 ? 1 : number > 1 << 62 ? 1 << 62 : 1 << UInt64(64 - (number - 1).leadingZeroBitCount)
    }
}
