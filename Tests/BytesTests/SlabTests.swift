import Testing

@testable import Bytes

@Suite struct SlabTests {
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `holds what a dictionary holds, under slots that stay, and gives memory back`(seed: UInt64) {
        var chance = SplitMix(state: seed)
        var slab = Slab<UInt64>()
        var model: [UInt32: UInt64] = [:]
        // It fills up, is churned, and drains.
        for (steps, removals) in [(9_000, 10), (9_000, 50), (20_000, 90)] as [(Int, UInt64)] {
            for _ in 0..<steps {
                if chance.next() % 100 < removals, let (slot, element) = model.randomElement(using: &chance) {
                    #expect(slab[slot] == element)
                    slab.remove(slot)
                    model[slot] = nil
                } else {
                    let element = chance.next()
                    let slot = slab.insert(element)
                    #expect(model.updateValue(element, forKey: slot) == nil, "a slot in use was given again")
                }
                #expect(slab.count == model.count)
            }
            #expect((0..<slab.slotLimit).filter { slab.contains($0) } == model.keys.sorted())
            #expect(model.allSatisfy { slab[$0.key] == $0.value })
        }
        for slot in model.keys { slab.remove(slot) }
        #expect(slab.count == 0 && slab.slotLimit == 0 && !slab.contains(0))
    }

    @Test func `the lowest chunk with room is filled first, so that the highest drain`() {
        var slab = Slab<Int>()
        for number in 0..<5_000 { _ = slab.insert(number) }
        for slot in stride(from: UInt32(0), to: 5_000, by: 2) { slab.remove(slot) }
        for _ in 0..<500 { _ = slab.insert(0) }
        #expect((0..<1_000).allSatisfy { slab.contains($0) })
        for slot in UInt32(1_024)..<5_000 where slab.contains(slot) { slab.remove(slot) }
        #expect(slab.slotLimit == 1_024)
    }
}
