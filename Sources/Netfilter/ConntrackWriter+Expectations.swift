internal import Bytes
public import Conntrack

extension ConntrackWriter {
    /// Writes a batch of expectations and fills its `refused`, in the order of the writes.
    ///
    /// A master must be in the table (`notFound`) and have a helper (`unsupported`); a class beyond those of the helper
    /// and a function that no module has registered are `invalid`. The kernel gives a new expectation the timeout of
    /// its helper's policy; where the batch says another, a second call sets that. An expectation that its flow has
    /// met, or that its timer has ended, between the two is no failure.
    ///
    /// The zone is that of the tuple, which the kernel itself never tells. Where answers were lost (`lostAnswers`) it
    /// is as with flows.
    public mutating func write(_ batch: inout ExpectationBatch) throws(ConntrackError) {
        batch.refused.removeAll(keepingCapacity: true)
        guard !batch.writes.isEmpty else { return }
        outcomes.removeAll(keepingCapacity: true)
        requests.buffer.rewind()
        let first = sequence
        for write in batch.writes {
            let canExpress = FlowMessageWriter.canExpress(write.expectation)
            outcomes.append(canExpress ? nil : .invalid)
            if canExpress {
                switch write.verb {
                case .create: requests.create(write.expectation, sequence: sequence &+ 1)
                case .delete: requests.delete(write.expectation, sequence: sequence &+ 1)
                }
            }
            sequence &+= UInt32(Self.requestsPerWrite)
        }
        try exchange(first: first)
        for (index, outcome) in outcomes.enumerated() {
            if let reason = outcome { batch.refused.append(WriteBatch.Refused(index: index, reason: reason)) }
        }
        try renew(batch)
    }

    /// Sets the timeouts of what was created; only then is it known that the expectation is the one of the batch.
    private mutating func renew(_ batch: borrowing ExpectationBatch) throws(ConntrackError) {
        requests.buffer.rewind()
        let first = sequence
        for (index, write) in batch.writes.enumerated() {
            if write.verb == .create, write.expectation.timeout > 0, outcomes[index] == nil {
                requests.renew(write.expectation, sequence: sequence &+ 1)
            }
            sequence &+= UInt32(Self.requestsPerWrite)
        }
        try exchange(first: first)
    }
}
