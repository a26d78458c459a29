import Testing

@testable import Bytes

@Suite struct SlotIndexTests {
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `behaves like a dictionary under inserts and removals with colliding hashes`(seed: UInt64) {
        var chance = SplitMix(state: seed)
        var index = SlotIndex()
        var model: [UInt32: UInt64] = [:]
        for step in 0..<20_000 {
            let slot = UInt32(chance.next() % 500)
            if let hash = model[slot] {
                #expect(index.find(hash: hash) { $0 == slot } == slot, "seed \(seed) step \(step)")
                index.remove(slot, hash: hash)
                model[slot] = nil
            } else {
                let hash = chance.next() % 40
                index.insert(slot, hash: hash)
                model[slot] = hash
            }
        }
        for (slot, hash) in model { #expect(index.find(hash: hash) { $0 == slot } == slot, "seed \(seed)") }
        #expect(index.count == model.count)
    }
}

/// A small generator, so that a failing seed can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
