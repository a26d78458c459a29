import Foundation
import Simulation
import Synchronization
import Testing

/// Seeds that nobody has run before, for as long as the environment says: see Tests/simulate.
@Suite struct FreshSeedTests {
    /// What the jobs share.
    private final class Course: Sendable {
        private struct State {
            var next: UInt64
            var tally = WorldTally()
            var failed: [UInt64] = []
            var toldAt: ContinuousClock.Instant
        }

        private let state: Mutex<State>
        private let begin = ContinuousClock.now
        private let span: Duration
        private let last: UInt64

        init(from first: UInt64, to last: UInt64, for span: Duration) {
            state = Mutex(State(next: first, toldAt: .now))
            self.span = span
            self.last = last
        }

        /// The next seed; nil when the time is over.
        func next() -> UInt64? {
            state.withLock { state in
                guard ContinuousClock.now - begin < span, state.next <= last else { return nil }
                defer { state.next += 1 }
                return state.next
            }
        }

        func note(_ world: World) {
            state.withLock { state in
                state.tally.add(world)
                if !world.problems.isEmpty { state.failed.append(world.setup.seed) }
                guard ContinuousClock.now - state.toldAt > .seconds(30) else { return }
                state.toldAt = .now
                FreshSeedTests.tell("\((ContinuousClock.now - begin).components.seconds) s: \(state.tally.progress)")
            }
        }

        var end: (text: String, failed: [UInt64]) { state.withLock { ($0.tally.text, $0.failed.sorted()) } }
    }

    /// Says something at once, even into a pipe.
    private static func tell(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

    @Test(.enabled(if: Seeds.seconds != nil))
    func `fresh seeds fail as little as those that are kept`() async {
        // From the time, so that no two runs are the same; a range of one's own is CTSYNC_SEEDS.
        let seeds = Seeds.chosen ?? UInt64(Date().timeIntervalSince1970 * 1_000)...(.max - 1)
        Self.tell("seeds from \(seeds.lowerBound) on, \(Seeds.jobs) at a time, for \(Seeds.seconds ?? 0) s")
        let course = Course(from: seeds.lowerBound, to: seeds.upperBound, for: .seconds(Seeds.seconds ?? 0))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<Seeds.jobs {
                group.addTask {
                    while let seed = course.next() {
                        let world = World(Seeds.setup(seed))
                        world.runByChance()
                        course.note(world)
                        #expect(world.problems.isEmpty, "\(world.account())")
                    }
                }
            }
        }
        let (text, failed) = course.end
        Self.tell(text)
        if !failed.isEmpty { Self.tell("failed: \(failed.map { "\($0)" }.joined(separator: " "))") }
    }
}
