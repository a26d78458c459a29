import Bytes
import Conntrack
import Failover
import StateMachine
import SyncProtocol

@testable import Engine
@testable import Simulation

/// One engine over a simulated kernel, and a peer that says anything at all.
///
/// The bytes are a list of steps: datagrams of our own making, of raw bytes, or sent before and changed; time; words of
/// the manager; commands of an operator; flows of the kernel. Whatever comes, the engine rests between its turns and
/// its memory stays within its limits.
enum EngineTarget {
    /// Steps of one run at most, so that a run stays short.
    private static let stepLimit = 96
    /// Turns that ask for another one at once, in a row: more than any work here needs.
    private static let busyLimit = 2_000
    private static let externalLimit = 64

    static func take(_ bytes: [UInt8]) throws(FuzzFailure) {
        var run = EngineRun(externalLimit: externalLimit)
        var input = FuzzInput(bytes)
        var steps = 0
        while !input.isEmpty, steps < stepLimit {
            steps += 1
            run.step(&input)
            try rest(&run)
        }
        for _ in 0..<20 {
            run.pass(milliseconds: 250)
            try rest(&run)
        }
        try run.check(externalLimit: externalLimit)
    }

    /// Runs turns until the engine rests.
    private static func rest(_ run: inout EngineRun) throws(FuzzFailure) {
        var turns = 0
        while run.turn() {
            turns += 1
            try hold(turns < busyLimit, "\(turns) turns without a rest")
        }
    }

    static var seeds: [[UInt8]] {
        // Kind of step, and what it takes: see EngineRun.
        let hello: [UInt8] = [0, 0, 1, 1, 1, 3, 1, 1, 0, 2]
        let bulk: [UInt8] = [0, 0, 1, 1, 1, 3, 3, 1, 1, 9, 1, 9, 9, 2, 1, 1, 0, 9, 3, 1, 5, 3, 0, 1, 2, 0, 5, 8, 0]
        let words: [UInt8] = [4, 0, 4, 1, 4, 0, 7, 1, 2, 3, 5, 0, 5, 1, 5, 2, 5, 3, 1, 200]
        return [
            hello, bulk, hello + bulk + words, words + bulk + [2, 0, 1, 40, 7, 2, 1, 1, 60, 9, 1, 255],
            (0..<200).map { UInt8(truncatingIfNeeded: $0 * 37) },
        ]
    }
}
