import StateMachine
import Testing

@testable import Failover

/// SplitMix64: small, seeded and the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// A plain interpreter of the role state machine that knows what must never be asked of it.
struct RoleWitness {
    var runningCommit: UInt64?
    var purge = PurgeSchedule(wait: .seconds(1))
    var lastTerm: UInt64 = 6
    var faults: [String] = []

    mutating func carryOut(_ actions: ActionList<RoleAction>, after machine: RoleStateMachine, at now: Instant) {
        for action in actions {
            switch action {
            case .commit(let generation), .retryCommit(let generation):
                if runningCommit != nil { faults.append("two commits at once") }
                runningCommit = generation
            case .cancelCommit(let generation):
                if let running = runningCommit, running > generation { faults.append("a newer commit survives") }
                runningCommit = nil
            case .takeTerm(let term):
                if term <= lastTerm { faults.append("term \(term) after \(lastTerm)") }
                if !machine.state.claimsMaster { faults.append("a term without a claim") }
                lastTerm = term
            case .announceMaster, .renewWindows:
                guard case .master = machine.state else {
                    faults.append("announced or renewed without being master"); continue
                }
            case .armPurge(let ownTerm): purge.arm(ownTerm: ownTerm, at: now)
            case .cancelPurge: purge.cancel()
            case .resyncInternal, .hello, .requestBulk, .recall, .bulk, .publishResult, .restoreTimeouts,
                .restoreStrictWindows, .sendUnsent, .requestResync, .setReadiness, .checkTruth, .reportTwoMasters,
                .reportTwoMastersEnded, .reportImplausibleTerm:
                break
            }
        }
        if machine.state.claimsMaster, purge.state != .idle { faults.append("purge armed while master") }
        if !machine.state.claimsMaster, runningCommit != nil { faults.append("a commit outlives its role") }
        if case .takingOver(let takeover) = machine.state, runningCommit != takeover.generation {
            faults.append("taking over without its commit")
        }
        if machine.twoMasters != nil, machine.claims.isEmpty { faults.append("two masters without a claim") }
    }
}

@Suite struct RandomRunTests {
    static func input(using generator: inout SeededGenerator, running: UInt64?) -> RoleInput {
        let peer = UInt64.random(in: 2...4, using: &generator)
        let term = UInt64.random(in: 0...60, using: &generator)
        switch Int.random(in: 0..<14, using: &generator) {
        case 0, 1: return .promote(inSync: Bool.random(using: &generator))
        case 2: return .demote
        case 3: return .fail
        case 4: return .dumpDone(truth: [nil, .master, .backup, .fault].randomElement(using: &generator) ?? nil)
        case 5, 6: return .finished(running ?? 0)
        case 7, 8: return .failed(running ?? 1)
        case 9: return .finished(UInt64.random(in: 0...9, using: &generator))
        case 10: return .claim(peer: peer, term: term)
        case 11: return .notMaster(peer: peer, term: term)
        case 12: return .lost(peer: peer)
        default: return Bool.random(using: &generator) ? .advance : .recallFinished
        }
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `no sequence of inputs reaches an impossible combination`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var machine = RoleStateMachine(storedTerm: 6, at: .origin)
        var witness = RoleWitness()
        var now = Instant.origin
        var story: [String] = []
        for _ in 0..<300 where witness.faults.isEmpty {
            now = now + .milliseconds(UInt64.random(in: 0...700, using: &generator))
            let input = Self.input(using: &generator, running: witness.runningCommit)
            if case .finished(let generation) = input, witness.runningCommit == generation {
                witness.runningCommit = nil
            }
            if case .failed(let generation) = input, witness.runningCommit == generation {
                witness.runningCommit = nil
            }
            let actions = machine.take(input, at: now)
            story.append("\(input) -> \(machine.state.reportName)")
            witness.carryOut(actions, after: machine, at: now)
        }
        #expect(witness.faults.isEmpty, "\(story.suffix(12).joined(separator: "\n"))")
        // A machine left alone comes to rest: every deadline passes.
        for _ in 0..<20 where machine.nextDeadline != .never {
            now = max(now, machine.nextDeadline)
            for case .retryCommit(let generation) in machine.advance(to: now) {
                _ = machine.take(.failed(generation), at: now)
            }
        }
        #expect(machine.nextDeadline == .never)
    }
}
