import ControlProtocol
import Engine
import StateMachine
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
        let engine = try #require(world.nodes[0].report(at: world.clock.now))
        try #require(engine.peers.count == 1)
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
        #expect(status.peers.map(\.address) == ["10.99.0.2:3780"])
    }

    @Test func `one of several links that is away is a warning, names itself and the one in use`() throws {
        let status = Self.composer.status(try report([link("sync0", isThere: false), link("sync1"), link("sync2")]))
        #expect(status.verdict == .warning)
        #expect(
            status.reasons == [
                .init(
                    "interface sync0 does not exist: waiting for it, while the nodes go on over sync1 and sync2",
                    remedy: "ip -s link show dev sync0")
            ])
        #expect(
            status.links.map(\.there) == [false, true, true] && status.links.map(\.active) == [false, true, false])
        let statistics = StatisticsComposer().statistics(
            try report([link("sync0", hasCarrier: false), link("sync1")]), counters: [])
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

    @Test func `a link that carries less than the agent sends is a warning`() throws {
        var narrow = link("sync1")
        narrow.lacks = 80
        let status = Self.composer.status(try report([link("sync0"), narrow]))
        #expect(status.verdict == .warning)
        #expect(status.reasons.map(\.what).first?.contains("80 bytes longer than sync1 carries") == true)
    }

    @Test func `every peer is told of, and each problem has its peer's name`() throws {
        var report = try report([link("sync0"), link("sync1")])
        for name in ["r3", "r4"] {
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
            reasons.count == 2 && reasons[0].hasPrefix("peer r3 is silent") && reasons[1].hasPrefix("peer r4 is 50000"))
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
}
