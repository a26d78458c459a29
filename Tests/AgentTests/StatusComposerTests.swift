import ControlProtocol
import Engine
import StateMachine
import Systemd
import Testing

@testable import Agent
@testable import Simulation

/// What `status` and `statistics` make of a report: several links, several peers.
@Suite struct StatusComposerTests {
    static let composer = StatusComposer(node: "r1", group: "syncgrp")

    /// What the master of a pair that is well reports, with links beside.
    private func report(_ links: [AgentReport.Link] = [.init(interface: "sync0", peers: 1)]) throws -> AgentReport {
        let world = World(World.Setup(seed: 5))
        world.begin()
        world.run(for: .seconds(8))
        var engine = try #require(world.nodes[0].report(at: world.clock.now))
        try #require(engine.peers.count == 1)
        // The simulation's one link stands for all.
        engine.peers[0].links = links.map { _ in engine.peers[0].links[0] }
        return AgentReport(
            at: world.clock.now, engine: engine, peerAddresses: ["10.99.0.2:3780"], links: links, sealing: .require,
            edgeCounters: [])
    }

    private func link(_ name: String, isThere: Bool = true, hasCarrier: Bool = true) -> AgentReport.Link {
        AgentReport.Link(
            interface: name, isThere: isThere, hasCarrier: isThere && hasCarrier,
            obstacle: isThere ? nil : "interface \(name) does not exist: waiting for it")
    }

    @Test func `a pair that is well`() throws {
        let status = Self.composer.status(try report())
        #expect(status.verdict == .ok && status.reasons.isEmpty)
        #expect(status.links == [.init(name: "sync0", mode: .unicast, active: true)])
        #expect(status.peers.map(\.address) == ["10.99.0.2:3780"] && status.peers.map(\.link) == ["sync0"])
    }

    @Test func `one of several links that is away is a warning, names itself and the one in use`() throws {
        var away = try report([link("sync0", isThere: false), link("sync1"), link("sync2")])
        away.engine.peers[0].link = 1
        let status = Self.composer.status(away)
        #expect(status.verdict == .warning)
        #expect(
            status.reasons == [
                .init(
                    "interface sync0 does not exist: waiting for it, while the nodes go on over sync1 and sync2",
                    remedy: "ip -s link show dev sync0")
            ])
        #expect(
            status.links.map(\.there) == [false, true, true] && status.links.map(\.active) == [false, true, false])
        away = try report([link("sync0", hasCarrier: false), link("sync1")])
        away.engine.peers = []
        let statistics = StatisticsComposer().statistics(away, counters: [])
        #expect(statistics.links.map(\.device) == ["sync0", "sync1"])
        #expect(statistics.links.map(\.active) == [false, true])
    }

    @Test(arguments: [(false, true), (true, false)])
    func `all links away, or without a carrier, is critical`(isThere: Bool, hasCarrier: Bool) throws {
        for names in [["sync0"], ["sync0", "sync1"]] {
            let links = names.map { link($0, isThere: isThere, hasCarrier: hasCarrier) }
            let status = Self.composer.status(try report(links))
            #expect(status.verdict == .critical && status.reasons.count == names.count)
            for (name, reason) in zip(names, status.reasons) {
                #expect(reason.what.contains(name) && reason.remedy == "ip -s link show dev \(name)")
            }
        }
    }

    @Test func `links in use are those of the peers that are there`() throws {
        var report = try report([link("sync0"), link("sync1"), link("sync2")])
        report.engine.peers += [report.engine.peers[0], report.engine.peers[0]]
        report.peerAddresses += [nil, nil]
        report.engine.peers[1].link = 2
        report.engine.peers[2].link = 1
        report.engine.peers[2].isSilent = true
        let status = Self.composer.status(report)
        #expect(status.links.map(\.active) == [true, false, true])
        #expect(status.peers.map(\.link) == ["sync0", "sync2", "sync1"])
        report.engine.peers = []
        #expect(report.activeLinks == [0])
    }

    @Test func `a link that is silent, though it carries, is a warning with the peer's name`() throws {
        var report = try report([link("sync0"), link("sync1"), link("sync2", hasCarrier: false)])
        report.engine.peers[0].name = "r2"
        for number in 0..<3 { report.engine.peers[0].links[number].isUsable = number == 0 }
        let rest = ", while its traffic goes over sync0"
        func reasons() -> [String] { Self.composer.status(report).reasons.map(\.what).filter { $0.hasPrefix("r2") } }

        report.engine.peers[0].links[1].isHeardThere = false
        #expect(reasons() == ["r2 does not hear this node over sync1" + rest])
        report.engine.peers[0].links[1].isHeardThere = true
        report.engine.peers[0].links[1].lastHeard = report.at
        report.at = report.at + .seconds(7)
        #expect(reasons() == ["r2 is silent over sync1 for 7 s" + rest])
        report.engine.peers[0].links[1].lastHeard = nil
        #expect(reasons() == ["r2 has not been heard over sync1" + rest])
        #expect(Self.composer.status(report).verdict == .warning)

        let preflight = PreflightSituation(report, node: "r1", facts: nil, losses: [:])
        #expect(preflight.peers[0].silentLinks.map(\.what) == ["r2 has not been heard over sync1" + rest])
        // One that is named on another link alone is not missed.
        report.links[1].peers = 0
        #expect(reasons() == [])
        report.links[1].peers = nil
        // The link in use is not praised while it is silent itself.
        report.engine.peers[0].links[0].isUsable = false
        report.engine.peers[0].links[0].isHeardThere = false
        #expect(reasons().first == "r2 does not hear this node over sync0")
        report.engine.peers[0].isSilent = true
        #expect(reasons() == [])
    }

    @Test func `a link that carries less than the agent sends is a warning`() throws {
        var narrow = link("sync1")
        narrow.lacks = 80
        let status = Self.composer.status(try report([link("sync0"), narrow]))
        #expect(status.verdict == .warning)
        #expect(status.reasons.map(\.what).first?.contains("80 bytes longer than sync1 carries") == true)
    }

    @Test func `every peer is told of, and each problem has its peer's name`() throws {
        var report = try report([link("sync0"), link("sync1")])
        report.engine.peers[0].name = "r2"
        for name in ["r4", "r3"] {
            report.engine.peers.append(report.engine.peers[0])
            report.engine.peers[report.engine.peers.count - 1].name = name
            report.peerAddresses.append(nil)
        }
        #expect(Self.composer.status(report).verdict == .ok)
        report.engine.peers[1].isSilent = true
        report.engine.peers[2].isAcknowledged = false
        report.engine.peers[2].unacknowledged = 50_000
        report.engine.peers[1].lostDatagrams = 3
        report.engine.peers[2].lostDatagrams = 4
        let status = Self.composer.status(report)
        #expect(status.verdict == .warning)
        #expect(status.peers.map(\.name).suffix(2) == ["r3", "r4"])
        #expect(status.peers.map(\.address) == ["10.99.0.2:3780", "unknown", "unknown"])
        let reasons = status.reasons.map(\.what)
        #expect(
            reasons.count == 2 && reasons[0].hasPrefix("peer r3 is 50000") && reasons[1].hasPrefix("peer r4 is silent"))
        #expect(StatisticsComposer().statistics(report, counters: []).lost == 7 + report.engine.peers[0].lostDatagrams)

        for place in report.engine.peers.indices { report.engine.peers[place].isSilent = true }
        #expect(Self.composer.status(report).verdict == .critical)
    }

    @Test func `peers that are configured and were never heard are missed`() throws {
        let three = try report([.init(interface: "sync0", peers: 2), .init(interface: "sync1", isShared: true)])
        let status = Self.composer.status(three)
        #expect(status.verdict == .warning)
        #expect(status.reasons.map(\.what) == ["1 of 2 peers have not been heard since the start"])
        #expect(status.links.map(\.mode) == [.unicast, .multicast])
    }

    @Test func `nobody heard, where links are crossed, says how to name them`() throws {
        var alone = try report([link("sync0"), link("sync1")])
        alone.engine.peers = []
        alone.peerAddresses = []
        let status = Self.composer.status(alone)
        #expect(status.verdict == .critical)
        #expect(status.reasons.first?.what == "no peer has been heard on sync0, sync1: a failover now loses every flow")
        #expect(status.reasons.first?.remedy == "ip -s link show")
        alone.edgeCounters = [("link_wrong_link", 9)]
        #expect(Self.composer.status(alone).reasons.first?.remedy.contains("in the same order") == true)
    }

    @Test func `a cache that takes no more is critical`() throws {
        var full = try report()
        full.engine.externalIsFull = true
        full.engine.externalFlows = 9
        let status = Self.composer.status(full)
        #expect(status.verdict == .critical && status.reasons.count == 1)
        #expect(status.reasons[0].what.contains("full with 9 flows"))
    }

    @Test func `what keeps the hold from being of use is a warning, and its figures are shown`() throws {
        var composer = Self.composer
        composer.hold = .init(state: .unavailable, held: 7)
        composer.holdObstacle = .init("no hold: nobody knows", remedy: "hold off")
        let status = composer.status(try report())
        #expect(status.verdict == .warning && status.reasons == [.init("no hold: nobody knows", remedy: "hold off")])
        #expect(status.hold == .init(state: .unavailable, held: 7))
    }

    /// Without a role no table is made.
    @Test func `a hold without interfaces says so, and one that is not wanted says nothing`() {
        for isWanted in [true, false] {
            var keeper = HoldKeeper(isWanted: isWanted, limit: .seconds(2), journal: Journal(threshold: .critical))
            let before = keeper.obstacle
            keeper.see(addresses: false, on: [], at: .origin)
            let without = keeper.obstacle
            keeper.see(addresses: false, on: ["lan0"], at: .origin)
            let with = keeper.obstacle
            let state = keeper.report().state
            #expect(before == nil && (without != nil) == isWanted && with == nil)
            #expect(state == (isWanted ? .open : .off))
        }
    }
}
