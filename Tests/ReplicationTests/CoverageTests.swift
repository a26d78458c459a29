import Testing

@testable import Replication

@Suite struct CoverageTests {
    /// The first of these seeds began anew below version 0 and lost what was free of gaps.
    @Test(arguments: [16_303_491_583_463_608_888] + Array(1...20))
    func `agrees with a set of versions under intervals in any order`(seed: UInt64) {
        var chance = SplitMix(state: seed)
        for round in 0..<100 {
            var coverage = Coverage()
            var model: Set<UInt64> = []
            for _ in 0..<40 {
                let from = UInt64.random(in: 0..<120, using: &chance)
                let to = from + UInt64.random(in: 0...12, using: &chance)
                if Int.random(in: 0..<12, using: &chance) == 0 {
                    coverage.restart(below: from)
                    model = model.filter { $0 > from }
                } else {
                    coverage.add(.init(from: from, to: to))
                    if to > from { model.formUnion(from + 1...to) }
                }
                var gapFree: UInt64 = 0
                while model.contains(gapFree + 1) { gapFree += 1 }
                let missing = (1...150).filter { !model.contains($0) }
                let named = coverage.holes(upTo: 150, count: 1_000).flatMap { Array($0.from + 1...$0.to) }
                #expect(coverage.gapFree == gapFree, "seed \(seed) round \(round)")
                #expect(named == missing, "seed \(seed) round \(round)")
            }
        }
    }

    @Test func `there is no room for what tears one hole too many, and for all else`() {
        var coverage = Coverage()
        for index in 0..<UInt64(Coverage.islandLimit) {
            coverage.add(.init(from: 10 + index * 10, to: 12 + index * 10))
        }
        #expect(!coverage.hasRoom(for: .init(from: 1_000_000, to: 1_000_001)))
        #expect(!coverage.hasRoom(for: .init(from: 5, to: 9)))
        for fitting in [(12, 15), (18, 20), (0, 3)] as [(UInt64, UInt64)] {
            #expect(coverage.hasRoom(for: .init(from: fitting.0, to: fitting.1)), "\(fitting)")
            coverage.add(.init(from: fitting.0, to: fitting.1))
        }
    }
}
