public import Conntrack

/// Expectations as Linux has them: of a master with a helper, each key once, gone with their master.
extension SimulatedKernel {
    /// A helper read in its master's payload that a flow will come.
    public func expect(_ expectation: Expectation) {
        withdraw(expectation.key)
        expectations.append(expectation)
        tell(.new, expectation, origin: .kernel)
    }

    /// The expected flow came, or the time is over.
    public func withdraw(_ key: ExpectationKey) {
        guard let place = expectations.firstIndex(where: { $0.key == key }) else { return }
        tell(.destroy, expectations.remove(at: place), origin: .kernel)
    }

    func perform(_ write: ExpectationWrite) -> WriteRefusal? {
        let expectation = write.expectation
        switch write.verb {
        case .create:
            guard let master = entry(original: expectation.master) else { return .notFound }
            guard !master.flow.extensions.helper.isNone else { return .unsupported }
            guard !expectations.contains(where: { $0.key == expectation.key }) else { return .busy }
            expectations.append(expectation)
            tell(.new, expectation, origin: .ours)
        case .delete:
            guard let place = expectations.firstIndex(where: { $0.key == expectation.key }) else { return .notFound }
            tell(.destroy, expectations.remove(at: place), origin: .ours)
        }
        return nil
    }

    private func tell(_ kind: FlowEvent.Kind, _ expectation: Expectation, origin: FlowEvent.Origin) {
        guard isHeard else { return }
        guard expectationQueue.count < queueLimit else { return overran = true }
        expectationQueue.append(ExpectationEvent(kind, expectation, origin: origin))
    }
}
