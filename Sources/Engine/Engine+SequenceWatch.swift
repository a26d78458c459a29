internal import Conntrack
internal import Replication
internal import StateMachine

/// The flows whose sequence numbers a helper may shift: the kernel makes no event of it, so they are asked for.
///
/// A helper that rewrites an address in a TCP payload changes its length (nf_conntrack_seqadj.c); without the shift
/// the flow would stall at the next master. An expectation is the usual companion of such a change, so a new one asks
/// for its master a moment later; each of the others is asked for once in an interval.
struct SequenceWatch {
    /// Flows that are watched at most; beyond, the dump in the background finds their changes.
    static let limit = 1_024
    /// Flows asked for in a turn at most.
    static let batch = 64
    /// Each flow is asked for this often.
    static let interval = Instant.Span.seconds(1)
    /// The packet that made an expectation is still on its way through the kernel when that is told.
    static let patience = Instant.Span.milliseconds(10)

    private(set) var flows: [Tuple] = []
    private var position = 0
    private var due: Instant = .never

    /// When the next flows are asked for.
    var nextDeadline: Instant { due }

    /// Whether a helper can shift a flow: only TCP counts bytes, and only a translated payload is rewritten.
    static func concerns(_ flow: Flow) -> Bool {
        !flow.extensions.helper.isNone && flow.original.protocol == .tcp
    }

    /// Watches a flow from now on.
    mutating func watch(_ original: Tuple, at now: Instant) {
        guard flows.count < Self.limit, !flows.contains(original) else { return }
        flows.append(original)
        due = min(due, now + Self.interval)
    }

    /// Asks for a flow soon, and watches it from then on.
    mutating func hurry(_ original: Tuple, at now: Instant) {
        watch(original, at: now)
        guard let place = flows.firstIndex(of: original) else { return }
        flows.swapAt(place, min(position, flows.count - 1))
        due = min(due, now + Self.patience)
    }

    /// The flows to ask for now, if that is due.
    mutating func take(at now: Instant) -> ArraySlice<Tuple> {
        guard due <= now else { return [] }
        if position >= flows.count { position = 0 }
        let next = flows[position..<min(position + Self.batch, flows.count)]
        position = next.endIndex
        due = position < flows.count ? now : flows.isEmpty ? .never : now + Self.interval
        return next
    }

    /// Lets go of a flow that is gone.
    mutating func forget(_ original: Tuple) {
        guard let place = flows.firstIndex(of: original) else { return }
        flows.remove(at: place)
        if place < position { position -= 1 }
    }

    /// Lets go of all.
    mutating func removeAll() { self = SequenceWatch() }
}

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Takes in how helpers have shifted the flows that they read.
    mutating func continueSequenceWatch(at now: Instant) {
        guard tracks else { return sequenceWatch.removeAll() }
        let asked = Array(sequenceWatch.take(at: now))
        guard !asked.isEmpty else { return }
        let found = kernel.find(asked)
        for (original, flow) in zip(asked, found) {
            guard let flow, log.holds(original) else {
                sequenceWatch.forget(original)
                continue
            }
            if log.observe(flow, [.status, .sequence]) == .changed { counters.count(.internalUpdated) }
        }
    }
}
