import Testing

@testable import SyncProtocol

@Suite struct ReplayWindowTests {
    @Test(
        arguments: [
            // floor, numbers in order, whether each is taken
            (0, [1, 2, 3, 3, 2, 1], [true, true, true, false, false, false]),
            (0, [0], [false]),
            (0, [5, 1, 4, 3, 2, 4], [true, true, true, true, true, false]),
            (100, [100, 99, 1, 101, 100, 102], [false, false, false, true, false, true]),
            (127, [127, 128, 127, 126], [false, true, false, false]),
            (0, [8_128, 1, 0], [true, true, false]),
            (0, [8_129, 1, 2], [true, false, true]),
            (0, [1, 1_000_000, 1, 991_873, 991_872, 1_000_000], [true, true, false, true, false, false]),
            (0, [.max, .max, .max - 1, 1], [true, false, true, false]),
            (.max - 1, [.max - 1, .max, .max], [false, true, false]),
        ] as [(UInt64, [UInt64], [Bool])])
    func `a number is taken once, and never when it is too old to tell`(
        floor: UInt64, numbers: [UInt64], expected: [Bool]
    ) {
        var window = ReplayWindow(above: floor)
        let taken = numbers.map { window.take($0) }
        #expect(taken == expected)
    }

    @Test(arguments: [UInt64(0), 1, 63, 64, 100, 8_191, 8_192, 123_456_789])
    func `it agrees with a set of all that was taken, whatever the order`(floor: UInt64) {
        var window = ReplayWindow(above: floor)
        var taken: Set<UInt64> = []
        var highest = floor
        var state: UInt64 = floor &+ 0x9e37_79b9_7f4a_7c15
        for _ in 0..<50_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let chance = state >> 33
            let number: UInt64 =
                switch chance % 64 {
                case 0: highest + chance % 10_000
                case 1...20: highest + chance % 4
                default: highest - min(highest, chance % 9_000)
                }
            let isFresh =
                number > highest
                || (number > floor && highest - number < ReplayWindow.reach && !taken.contains(number))
            let isTaken = window.take(number)
            #expect(isTaken == isFresh, "\(number) at \(highest)")
            if isTaken { taken.insert(number) }
            highest = max(highest, number)
        }
    }

    @Test func `it reaches back further than the design asks`() { #expect(ReplayWindow.reach >= 1_024) }
}
