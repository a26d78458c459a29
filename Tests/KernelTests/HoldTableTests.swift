import Conntrack
import Glibc
import LabSupport
import LinuxIO
import StateMachine
import Testing

@testable import Netfilter

/// The hold's table on a router of the test's own, with real packets through it.
@Suite(.serialized) struct HoldTableTests {
    private static let interfaces = ["lan0", "wan0", "not-there"]
    /// Longer than any test that is not about it.
    private static let long = Instant.Span.seconds(600)

    private static func onPath(_ body: @escaping (ForwardingPath) throws -> Void) throws {
        try NetworkNamespace.withNew { try body(try ForwardingPath()) }
    }

    private static func table(lifetime: Instant.Span = long) throws -> HoldTable {
        try HoldTable.make(interfaces: interfaces, lifetime: lifetime)
    }

    /// Client and server sockets of a new flow.
    private static func ends(
        _ path: ForwardingPath, port: UInt16, ipv6: Bool = false
    ) throws -> (client: Int32, server: Int32) {
        let server = try path.datagrams(in: .server, port: port, ipv6: ipv6)
        let client = try path.datagrams(in: .client, port: port, ipv6: ipv6)
        try path.connect(client, to: ipv6 ? "2001:db8:203::10" : "203.0.113.10", port: port)
        try path.connect(server, to: ipv6 ? "2001:db8:10::10" : "192.168.10.10", port: port)
        return (client, server)
    }

    @Test(arguments: [false, true])
    func `closed, it drops what would begin a flow, without a word, and counts it`(ipv6: Bool) throws {
        try Self.onPath { path in
            var table = try Self.table()
            let old = try Self.ends(path, port: 7_001, ipv6: ipv6)
            let before = try (path.passes(old.client, old.server), path.passes(old.server, old.client))
            #expect(before == (true, true), "watching, it drops nothing")
            let counted = try (table.seen(), table.held())
            #expect(counted == (1, 0))
            try table.close()
            let new = try Self.ends(path, port: 7_002, ipv6: ipv6)
            // A rejection would be an error on the client's socket.
            for _ in 0..<3 {
                let passes = try path.passes(new.client, new.server)
                #expect(!passes)
            }
            let reverse = try path.passes(new.server, new.client)
            #expect(!reverse, "nor what comes in at the other side")
            let established = try (path.passes(old.client, old.server), path.passes(old.server, old.client))
            #expect(established == (true, true), "what is established passes")
            let held = try (table.seen(), table.held())
            #expect(held == (5, 4))
            try table.open()
            let after = try path.passes(new.client, new.server)
            let total = try table.held()
            #expect(after && total == 4)
        }
    }

    @Test func `a segment of a connection that nobody knows is held too`() throws {
        try Self.onPath { path in
            var table = try Self.table()
            let client = try path.segments(in: .client)
            let server = try path.segments(in: .server)
            try path.connect(client, to: "203.0.113.10", port: 0)
            // An acknowledgement from port 1 to port 2, whose sequence means nothing here.
            let segment: [UInt8] = [0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 9, 5 << 4, 0x10, 1, 0, 0, 0, 0, 0]
            try path.send(segment, through: client)
            let before = try path.hears(server)
            try table.close()
            try path.send(segment, through: client)
            let after = try path.hears(server)
            #expect(before && !after)
            let held = try table.held()
            #expect(held == 1)
        }
    }

    @Test func `what is for this node or from it is nobody's business`() throws {
        try Self.onPath { path in
            var table = try Self.table()
            try table.close()
            let own = try path.datagrams(in: .router, port: 7_001)
            let client = try path.datagrams(in: .client, port: 7_001)
            try path.connect(client, to: "192.168.10.2", port: 7_001)
            let arrives = try path.passes(client, own)
            let far = try path.datagrams(in: .server, port: 7_002)
            let near = try path.datagrams(in: .router, port: 7_003)
            try path.connect(near, to: "203.0.113.10", port: 7_002)
            let leaves = try path.passes(near, far)
            #expect(arrives && leaves)
            let counted = try (table.seen(), table.held())
            #expect(counted == (0, 0))
        }
    }

    @Test func `what comes in through another interface passes`() throws {
        try Self.onPath { path in
            var table = try HoldTable.make(interfaces: ["wan0"], lifetime: Self.long)
            try table.close()
            let ends = try Self.ends(path, port: 7_001)
            let passes = try path.passes(ends.client, ends.server)
            let held = try table.held()
            #expect(passes && held == 0)
        }
    }

    @Test func `a reload of the firewall passes it over`() throws {
        try Self.onPath { path in
            var table = try Self.table()
            try table.close()
            try Command.run("nft", "add", "table", "inet", "of-the-firewall")
            try Command.run("nft", "flush", "ruleset")
            let tables = try Command.run("nft", "list", "tables")
            #expect(tables.contains("table inet ctsync-ha") && !tables.contains("of-the-firewall"))
            #expect(throws: NetworkNamespace.Failure.self) {
                try Command.run("sh", "-c", "exec nft delete table inet ctsync-ha 2>/dev/null")
            }
            let ends = try Self.ends(path, port: 7_001)
            let passes = try path.passes(ends.client, ends.server)
            let held = try table.held()
            #expect(!passes && held == 1)
        }
    }

    @Test func `it is gone with its socket`() throws {
        try Self.onPath { path in
            let ends = try Self.ends(path, port: 7_001)
            do {
                var table = try Self.table()
                try table.close()
                let passes = try path.passes(ends.client, ends.server)
                #expect(!passes)
            }
            // A process that another test just forks has the socket too, until it runs its program.
            var passes = false
            for _ in 0..<10 where !passes { passes = try path.passes(ends.client, ends.server) }
            let tables = try Command.run("nft", "list", "tables")
            #expect(passes && tables.isEmpty)
        }
    }

    @Test func `renewed, it lasts; left alone, it dissolves; and it can be closed again`() throws {
        try Self.onPath { path in
            var table = try Self.table(lifetime: .seconds(2))
            let ends = try Self.ends(path, port: 7_001)
            let begin = MonotonicClock.now()
            while MonotonicClock.now().since(begin) < .seconds(4) {
                try table.close()
                let passes = try path.passes(ends.client, ends.server)
                #expect(!passes)
            }
            var passes = false
            for _ in 0..<60 where !passes { passes = try path.passes(ends.client, ends.server) }
            #expect(passes, "twenty seconds after the last renewal")
            try table.close()
            let again = try Self.ends(path, port: 7_002)
            let passesAgain = try path.passes(again.client, again.server)
            #expect(!passesAgain)
        }
    }

    @Test func `a table of its name that is another's is left alone`() throws {
        try NetworkNamespace.withNew {
            do {
                let first = try Self.table()
                #expect(throws: HoldError.taken) { try HoldTable.make() }
                _ = consume first
            }
            try Command.run("nft", "add", "table", "inet", HoldTable.name)
            #expect(throws: HoldError.taken) { try HoldTable.make() }
            try Command.run("nft", "delete", "table", "inet", HoldTable.name)
            #expect(throws: Never.self) { try HoldTable.make() }
        }
    }

    /// What the facts leave out of the number of the rules' changes: each transaction, and not the end of the socket.
    @Test func `each change of it counts once among the changes of the rules`() throws {
        try NetworkNamespace.withNew {
            let begin = try #require(RulesetSurvey.Generation.now(without: 0))
            do {
                var table = try Self.table()
                try table.close()
                try table.open()
                let changed = RulesetSurvey.Generation.now(without: 3)
                #expect(changed == begin)
            }
            let ended = RulesetSurvey.Generation.now(without: 3)
            #expect(ended == begin)
            var table = try Self.table()
            try table.remove()
            let removed = RulesetSurvey.Generation.now(without: 5)
            let tables = try Command.run("nft", "list", "tables")
            #expect(removed == begin && tables.isEmpty)
        }
    }

    @Test func `that it tracks is not taken for the rules' doing`() throws {
        let tracking = try NetworkNamespace.withNew {
            var reader = FactsReader()
            var tracking = [reader.read().tracksPackets]
            let table = try Self.table()
            tracking += [reader.read(besideHold: true, holdChanges: 1).tracksPackets, reader.read().tracksPackets]
            try Command.run(
                ["nft", "-f", "-"],
                input: "table ip f { chain c { type filter hook forward priority 0; ct state new accept; }; }")
            tracking.append(reader.read(besideHold: true, holdChanges: 1).tracksPackets)
            _ = consume table
            return tracking
        }
        #expect(tracking == [false, false, true, true])
    }

    @Test func `nft can read it`() throws {
        try NetworkNamespace.withNew {
            var table = try Self.table()
            try table.close()
            let text = try Command.run("nft", "list", "table", "inet", HoldTable.name)
            for part in [
                "flags owner", "hook forward priority raw", "timeout 10m", "\"lan0\"", "\"not-there\"",
                "iifname @watched ct state invalid,new counter name \"seen\"",
                "iifname @held ct state invalid,new counter name \"held\" drop",
            ] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
        }
    }
}

extension HoldTable {
    /// Makes one and lets it go: what is noncopyable cannot be a closure's result.
    fileprivate static func make() throws { _ = try make(interfaces: ["lan0"], lifetime: .seconds(600)) }
}
