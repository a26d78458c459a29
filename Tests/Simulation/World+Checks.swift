internal import Conntrack
internal import Engine
public import StateMachine

/// What must hold in the end.
extension World {
    /// What a standby needs to know of a flow.
    struct Essence: Equatable {
        let reply: Tuple
        let master: Tuple?
        let status: FlowStatus
        let mark: UInt32
        let tcp: TCPInfo?

        init(_ flow: Flow) {
            reply = flow.reply
            master = flow.master
            status = flow.status.intersection(.replicated)
            mark = flow.mark
            var told = flow.tcp
            told?.originalFlags.formIntersection(.replicated)
            told?.replyFlags.formIntersection(.replicated)
            tcp = told
        }
    }

    /// Lets time pass with frozen traffic until all nodes hold the same; notes what differs if they never do.
    @discardableResult
    public func settle(within span: Instant.Span = .seconds(10)) -> Bool {
        traffic.freeze()
        defer { traffic.thaw() }
        // Twice, so that what comes late cannot undo it.
        for pause in [Instant.Span.milliseconds(0), .seconds(2)] {
            run(for: pause)
            let started = clock.now
            if !run(atMost: span, until: { differences().isEmpty }) {
                for difference in differences() { problem("not settled: \(difference)") }
                return false
            }
            longestSettling = max(longestSettling, clock.now.since(started))
            note("settled after \(clock.now.since(started).milliseconds) ms")
        }
        return true
    }

    /// Why the nodes do not hold the same, a few reasons at most.
    public func differences() -> [String] {
        guard let owner else { return ["nobody holds the addresses"] }
        let master = nodes[owner]
        var found: [String] = []
        if master.role != "master" { found.append("\(master.name) is \(master.role)") }
        let tracked = master.flows(external: false)
        compare(master.kernelFlows, tracked, "\(master.name)'s kernel and internal cache", &found)
        let term = master.engine?.report(at: clock.now).term ?? 0
        for standby in nodes where standby.index != owner {
            if standby.role != "backup" { found.append("\(standby.name) is \(standby.role)") }
            compare(tracked, standby.flows(external: true), "\(master.name) and \(standby.name)", &found)
            if setup.isHot { compareCopies(of: standby, &found) }
            guard let report = standby.engine?.report(at: clock.now) else {
                found.append("\(standby.name) is gone")
                continue
            }
            if !report.inSync { found.append("\(standby.name) is not in sync") }
            if report.term >= term, isWatched {
                found.append("\(standby.name) took term \(report.term), \(master.name) is master in term \(term)")
            }
        }
        return found
    }

    /// Whether the kernel of a hot standby has what its external cache holds; local flows and leftovers beside it too.
    private func compareCopies(of standby: SimulatedNode, _ found: inout [String]) {
        // A child goes on without a parent that has ended before it was written.
        var told = standby.flows(external: true).mapValues(\.withoutMaster)
        // Nor is a copy put in the place of another flow that lives here, or did.
        for (original, copy) in told {
            let inTheWay = standby.kernel.entry(of: original) ?? standby.kernel.entry(of: copy.reply)
            if let inTheWay, inTheWay.flow.original != original || inTheWay.flow.reply != copy.reply {
                told[original] = nil
            }
        }
        let kernel = standby.kernelFlows.filter { told[$0.key] != nil }.mapValues(\.withoutMaster)
        compare(told, kernel, "\(standby.name)'s external cache and kernel", &found)
    }

    private func compare(_ left: [Tuple: Flow], _ right: [Tuple: Flow], _ names: String, _ found: inout [String]) {
        var different: [String] = []
        for (original, flow) in left {
            guard let other = right[original] else {
                different.append("\(flow.text) is missing")
                continue
            }
            if Essence(flow) != Essence(other) { different.append("\(flow.text) is \(other.text), \(flow), \(other)") }
        }
        for (original, flow) in right where left[original] == nil { different.append("\(flow.text) is too many") }
        for difference in different.sorted().prefix(3) { found.append("\(names): \(difference)") }
        if different.count > 3 { found.append("\(names): \(different.count) in all") }
    }

    /// Whether the tombstones of all logs are bounded by what changes in a while.
    public func checkMemory() {
        for node in nodes {
            guard let report = node.engine?.report(at: clock.now) else { continue }
            if report.tombstones > 20_000 { problem("\(node.name) keeps \(report.tombstones) tombstones") }
        }
    }
}

extension Instant.Span {
    static func + (left: Self, right: Self) -> Self { Self(nanoseconds: left.nanoseconds + right.nanoseconds) }
}
