import StateMachine
import Testing

@testable import Failover

@Suite struct HoldTests {
    enum Input: Equatable, Sendable {
        case follow(Hold.Standing)
        case see(Bool)
        case use(Bool)
        case counted(UInt64)
        case refused
        case advance
    }

    static let limit = Instant.Span.seconds(2)

    static func second(_ count: UInt64) -> Instant { .origin + .seconds(count) }

    /// A hold that has taken these inputs, each at its second.
    static func after(_ inputs: (UInt64, Input)...) -> Hold {
        var hold = Hold(limit: limit)
        for (second, input) in inputs { _ = take(&hold, input, at: self.second(second)) }
        return hold
    }

    @discardableResult
    static func take(_ hold: inout Hold, _ input: Input, at now: Instant) -> ActionList<HoldAction> {
        switch input {
        case .follow(let standing): return hold.follow(standing, at: now)
        case .see(let isAddressed): return hold.see(addresses: isAddressed, at: now)
        case .use(let isUsable): return hold.use(isUsable, at: now)
        case .counted(let total): return hold.counted(total, at: now)
        case .refused:
            hold.refused(at: now)
            return ActionList()
        case .advance: return hold.advance(to: now)
        }
    }

    static let open = after((0, .follow(.backup)), (0, .see(false)))
    static let watching = after((0, .follow(.backup)), (0, .see(false)), (0, .use(true)))
    static let closed = {
        var hold = watching
        for count in 1...3 as ClosedRange<UInt64> { take(&hold, .counted(0), at: second(count)) }
        return hold
    }()
    static let addressed = {
        var hold = closed
        take(&hold, .see(true), at: second(4))
        return hold
    }()
    static let takingOver = {
        var hold = closed
        take(&hold, .follow(.takingOver), at: second(4))
        return hold
    }()
    static let refused = {
        var hold = watching
        take(&hold, .refused, at: second(0))
        return hold
    }()

    /// A row of the table in the type's comment.
    struct Row: CustomTestStringConvertible, Sendable {
        let before: Hold
        let input: Input
        let second: UInt64
        let actions: [HoldAction]
        let after: Hold.State
        var testDescription: String { "\(before.state) on \(input) at \(second) s" }

        init(
            _ before: Hold, _ input: Input, at second: UInt64, _ actions: [HoldAction], _ after: Hold.State
        ) {
            self.before = before
            self.input = input
            self.second = second
            self.actions = actions
            self.after = after
        }
    }

    static func watching(_ seen: UInt64 = 0, since quiet: UInt64, due: UInt64) -> Hold.State {
        .watching(seen: seen, quietSince: second(quiet), countDue: second(due))
    }

    static func closed(renewed: UInt64, opensBy: UInt64? = nil) -> Hold.State {
        .closed(renewed: second(renewed), opensBy: opensBy.map(second) ?? .never)
    }

    static let rows = [
        Row(open, .use(true), at: 1, [.watch], watching(since: 1, due: 2)),
        Row(open, .use(false), at: 1, [], .open),
        Row(after((0, .follow(.backup)), (0, .use(true))), .see(true), at: 1, [], .open),
        Row(after((0, .see(false)), (0, .use(true))), .follow(.starting), at: 1, [], .open),
        Row(after((0, .see(false)), (0, .use(true))), .follow(.master), at: 1, [], .open),
        Row(after((0, .see(false)), (0, .use(true))), .follow(.takingOver), at: 1, [], .open),
        Row(after((0, .see(false)), (0, .use(true))), .follow(.fault), at: 1, [], .open),
        Row(after((0, .see(false)), (0, .use(true))), .follow(.backup), at: 1, [.watch], watching(since: 1, due: 2)),

        Row(watching, .advance, at: 1, [.count], watching(since: 0, due: 2)),
        Row(watching, .counted(0), at: 2, [], watching(since: 0, due: 3)),
        Row(watching, .counted(7), at: 2, [], watching(7, since: 2, due: 3)),
        Row(watching, .counted(7), at: 9, [], watching(7, since: 9, due: 10)),
        Row(watching, .counted(0), at: 3, [.close], closed(renewed: 3)),
        Row(watching, .follow(.takingOver), at: 1, [.remove(.onlyWatched)], .open),
        Row(watching, .follow(.fault), at: 1, [.remove(.onlyWatched)], .open),
        Row(watching, .see(true), at: 1, [.remove(.onlyWatched)], .open),
        Row(watching, .use(false), at: 1, [.remove(.onlyWatched)], .open),
        Row(watching, .refused, at: 1, [], .refused(retryDue: second(11))),

        Row(closed, .advance, at: 4, [], closed(renewed: 3)),
        Row(closed, .advance, at: 5, [.renew], closed(renewed: 5)),
        Row(closed, .counted(9), at: 4, [], closed(renewed: 3)),
        Row(closed, .see(true), at: 4, [], closed(renewed: 3, opensBy: 6)),
        Row(closed, .follow(.takingOver), at: 4, [], closed(renewed: 3)),
        Row(closed, .follow(.master), at: 4, [.remove(.master)], .open),
        Row(closed, .follow(.fault), at: 4, [.remove(.fault)], .open),
        Row(closed, .follow(.starting), at: 4, [.remove(.fault)], .open),
        Row(closed, .use(false), at: 4, [.remove(.unusable)], .open),
        Row(closed, .advance, at: 8, [.remove(.dissolved), .watch], watching(since: 8, due: 9)),
        Row(closed, .refused, at: 4, [], .refused(retryDue: second(14))),

        Row(addressed, .see(true), at: 5, [.renew], closed(renewed: 5, opensBy: 6)),
        Row(addressed, .see(false), at: 4, [], closed(renewed: 3, opensBy: 6)),
        Row(addressed, .advance, at: 6, [.remove(.limit)], .open),
        Row(addressed, .follow(.takingOver), at: 6, [.remove(.limit)], .open),
        Row(addressed, .see(false), at: 6, [.remove(.limit), .watch], watching(since: 6, due: 7)),
        Row(takingOver, .see(true), at: 4, [], closed(renewed: 3, opensBy: 6)),
        Row(takingOver, .follow(.backup), at: 4, [], closed(renewed: 3)),
        Row(takingOver, .follow(.master), at: 4, [.remove(.master)], .open),
        Row(takingOver, .advance, at: 5, [.renew], closed(renewed: 5)),

        Row(refused, .advance, at: 9, [], .refused(retryDue: second(10))),
        Row(refused, .advance, at: 10, [.watch], watching(since: 10, due: 11)),
        Row(refused, .follow(.master), at: 1, [], .open),
    ]

    @Test(arguments: rows)
    func `the table holds row by row`(row: Row) {
        var hold = row.before
        let actions = Self.take(&hold, row.input, at: Self.second(row.second))
        #expect(Array(actions) == row.actions)
        #expect(hold.state == row.after)
    }

    @Test func `what is due next is in the state`() {
        #expect(Self.open.nextDeadline == .never)
        #expect(Self.watching.nextDeadline == Self.second(1))
        #expect(Self.closed.nextDeadline == Self.second(5))
        #expect(Self.addressed.nextDeadline == Self.second(5))
        #expect(Self.refused.nextDeadline == Self.second(10))
        var addressed = Self.addressed
        Self.take(&addressed, .advance, at: Self.second(5))
        #expect(addressed.nextDeadline == Self.second(6))
    }

    /// Whatever comes in whatever order, the hold is closed only within its limits.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `no order of things closes it beyond its limits`(seed: UInt64) {
        var chance = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func next(_ bound: UInt64) -> UInt64 {
            chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (chance >> 33) % bound
        }
        var hold = Hold(limit: Self.limit)
        var now = Instant.origin
        var standing = Hold.Standing.starting
        var isAddressed = true
        var addressedSince: Instant?
        var isClosedInKernel = false
        var closings = 0
        for _ in 0..<4_000 {
            // Mostly as its deadline wants, and sometimes late.
            let due = hold.nextDeadline
            now = next(3) == 0 || due == .never ? now + .milliseconds(next(900)) : max(now, due)
            let input: Input =
                switch next(24) {
                case 0: .follow(Hold.Standing.allCases[Int(next(5))])
                case 1: .see(next(2) == 0)
                case 2: .use(next(4) != 0)
                case 3: .follow(.backup)
                case 4: .see(false)
                case 5 where next(8) == 0: .refused
                default: .advance
                }
            if case .follow(let to) = input { standing = to }
            if case .see(let here) = input { isAddressed = here }
            if isAddressed, isClosedInKernel { addressedSince = addressedSince ?? now }
            var actions = Array(Self.take(&hold, input, at: now))
            if actions.contains(.count) { actions += Array(hold.counted(next(12) == 0 ? 1 : 0, at: now)) }
            for action in actions {
                switch action {
                case .close:
                    isClosedInKernel = true
                    addressedSince = nil
                    closings += 1
                    #expect(standing == .backup && !isAddressed)
                case .watch, .remove: isClosedInKernel = false
                case .count, .renew: break
                }
            }
            if input == .refused { isClosedInKernel = false }
            guard isClosedInKernel else { continue }
            #expect(standing == .backup || standing == .takingOver)
            if let since = addressedSince { #expect(now < since + Self.limit) }
        }
        #expect(closings > 0)
    }
}
