import StateMachine
import Testing

@testable import Replication

/// The table above `LinkChoice`, row by row, with two links that are probed once a second.
@Suite struct LinkChoiceTests {
    private static let start = Instant(nanoseconds: 100_000_000_000)

    private static func at(_ milliseconds: UInt64) -> Instant { start + .milliseconds(milliseconds) }

    /// Both links have been heard, and the peer hears this node over both.
    private static func choice() -> LinkChoice {
        var choice = LinkChoice(count: 2, heartbeat: .seconds(1))
        for number in [0, 1] as [UInt8] {
            choice.heard(over: number, from: 7, at: start)
            choice.probed(over: number, sent: 1, heardBits: 0b11)
        }
        return choice
    }

    @Test func `a silent link is left within three heartbeats, though nobody says that it went`() {
        var choice = Self.choice()
        choice.heard(over: 1, from: 7, at: Self.at(2_000))
        var moved = choice.choose(isStuck: false, at: Self.at(2_999))
        #expect(!moved && choice.used == 0)
        moved = choice.choose(isStuck: false, at: Self.at(3_000))
        #expect(moved && choice.used == 1 && choice.moves == 1)
    }

    @Test func `a link over which the peer does not hear this node is left at once`() {
        var choice = Self.choice()
        choice.probed(over: 0, sent: 2, heardBits: 0b10)
        let moved = choice.choose(isStuck: false, at: Self.at(10))
        #expect(moved && choice.used == 1)
    }

    @Test func `a link that acknowledges nothing is left, and avoided for a while`() {
        var choice = Self.choice()
        let moved = choice.choose(isStuck: true, at: Self.at(150))
        #expect(moved && choice.used == 1)
        for second in 1...4 as ClosedRange<UInt64> {
            for number in [0, 1] as [UInt8] { choice.heard(over: number, from: 7, at: Self.at(second * 1_000)) }
            let returned = choice.choose(isStuck: false, at: Self.at(second * 1_000))
            #expect(!returned)
        }
    }

    @Test func `the traffic returns to the first link when it was well for long enough`() {
        var choice = Self.choice()
        choice.heard(over: 1, from: 7, at: Self.at(3_000))
        _ = choice.choose(isStuck: false, at: Self.at(3_000))
        #expect(choice.used == 1)
        var returned: UInt64?
        for second in 4...20 as ClosedRange<UInt64> where returned == nil {
            for number in [0, 1] as [UInt8] { choice.heard(over: number, from: 7, at: Self.at(second * 1_000)) }
            if choice.choose(isStuck: false, at: Self.at(second * 1_000)) { returned = second }
        }
        #expect(returned == 9 && choice.used == 0)
    }

    @Test func `a lossy link gives way to a clean one, and the loss is told`() {
        var choice = Self.choice()
        for second in 1...20 as ClosedRange<UInt64> {
            // Of ten datagrams over link 0 nine arrive, over link 1 all.
            for _ in 0..<9 { choice.heard(over: 0, from: 7, at: Self.at(second * 1_000)) }
            for _ in 0..<10 { choice.heard(over: 1, from: 7, at: Self.at(second * 1_000)) }
            for number in [0, 1] as [UInt8] { choice.probed(over: number, sent: 1 + second * 10, heardBits: 0b11) }
            _ = choice.choose(isStuck: false, at: Self.at(second * 1_000))
        }
        #expect(choice.used == 1 && choice.links[0].lossPerMille == 100 && choice.links[1].lossPerMille == 0)
        #expect(choice.lost >= 16)
    }

    @Test func `without a usable link the traffic stays where it is`() {
        var choice = Self.choice()
        let moved = choice.choose(isStuck: true, at: Self.at(9_000))
        #expect(!moved && choice.used == 0 && choice.heardBits(at: Self.at(9_000)) == 0)
    }
}
