import Conntrack
import StateMachine
import Testing

@testable import Engine

/// Which flows are asked for, and when.
@Suite struct SequenceWatchTests {
    private let start = Instant.origin + .seconds(1_000)

    private static func tuple(_ port: UInt16) -> Tuple {
        Tuple(
            source: Address(ipv4: 0xc0a8_0a0a), destination: Address(ipv4: 0xcb00_710a), sourceKey: port,
            destinationKey: 21, family: .ipv4, protocol: .tcp)
    }

    @Test func `each flow is asked for once in an interval, in batches`() {
        var watch = SequenceWatch()
        #expect(watch.nextDeadline == .never)
        for port in 0..<UInt16(100) { watch.watch(Self.tuple(port), at: start) }
        let early = watch.take(at: start)
        #expect(early.isEmpty)
        let due = start + SequenceWatch.interval
        let first = Array(watch.take(at: due))
        #expect(first.count == SequenceWatch.batch && watch.nextDeadline == due)
        let second = Array(watch.take(at: due))
        #expect(Set(first + second).count == 100 && watch.nextDeadline == due + SequenceWatch.interval)
    }

    @Test func `an expectation's master is asked for first, a moment later`() {
        var watch = SequenceWatch()
        for port in 0..<UInt16(200) { watch.watch(Self.tuple(port), at: start) }
        watch.hurry(Self.tuple(199), at: start)
        #expect(watch.nextDeadline == start + SequenceWatch.patience)
        let asked = watch.take(at: start + SequenceWatch.patience)
        #expect(asked.contains(Self.tuple(199)))
    }

    @Test func `a flow that is gone is let go of, whatever the place of the walk`() {
        var watch = SequenceWatch()
        for port in 0..<UInt16(70) { watch.watch(Self.tuple(port), at: start) }
        let due = start + SequenceWatch.interval
        for original in Array(watch.take(at: due)) { watch.forget(original) }
        let rest = Array(watch.take(at: due))
        #expect(rest.count == 70 - SequenceWatch.batch)
        for original in rest { watch.forget(original) }
        _ = watch.take(at: due + SequenceWatch.interval)
        #expect(watch.flows.isEmpty && watch.nextDeadline == .never)
    }

    @Test func `no more than the limit are watched, and none twice`() {
        var watch = SequenceWatch()
        for port in 0..<UInt16(2_000) { watch.watch(Self.tuple(port), at: start) }
        #expect(watch.flows.count == SequenceWatch.limit)
        watch.watch(Self.tuple(1), at: start)
        #expect(watch.flows.count == SequenceWatch.limit)
    }
}
