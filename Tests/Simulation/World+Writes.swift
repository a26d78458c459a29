internal import Conntrack
internal import StateMachine

/// What an agent does to a kernel's table is judged as it happens.
extension World: WriteWitness {
    func born(_ flow: Flow) {
        if isWatched { watched.born(flow) }
    }

    func judge(_ write: FlowWrite, on kernel: SimulatedKernel, meeting entry: SimulatedKernel.Entry?) {
        guard let node = nodes.first(where: { $0.kernel === kernel }) else { return }
        let flow = write.flow
        kernel.trace(flow.original, "is asked for \(write.verb) of \(flow.text)")
        if node.filter.verdict(flow) == .own { problem("\(node.name) writes its own flow \(flow.text): \(write.verb)") }
        if let entry, node.filter.verdict(entry.flow) == .own {
            problem("\(node.name) touches its own flow \(entry.flow.text): \(write.verb)")
        }
        if write.verb == .create || write.verb == .replace, flow.tcp?.state == .established, !write.liberal {
            problem("\(node.name) makes \(flow.text) strict from the start")
        }
        if write.verb != .delete, write.verb != .makeStrict { node.flowsWritten += 1 }
        pendingReplace = write.verb == .replace ? entry : nil
        if write.verb == .delete, let entry, isCarried(entry, by: node) {
            problem("\(node.name) deletes the live flow \(entry.flow.text)", unless: excuse(of: node))
        }
    }

    func judge(_ write: FlowWrite, on kernel: SimulatedKernel, ended refusal: WriteRefusal?) {
        guard let entry = pendingReplace, let node = nodes.first(where: { $0.kernel === kernel }) else { return }
        pendingReplace = nil
        guard isCarried(entry, by: node) else { return }
        if let refusal {
            guard !kernel.refuses else { return }
            // A child whose parent is gone may be written once more, without it, before the turn ends.
            if refusal == .notFound, write.flow.master != nil { return node.bereft.append(entry.flow.original) }
            problem("\(node.name) replaces \(entry.flow.text) by nothing: \(refusal)")
        } else if write.flow.reply != entry.flow.reply {
            problem(
                "\(node.name) replaces \(entry.flow.text) by another translation, \(write.flow.text)",
                unless: excuse(of: node) ?? .copyOverLiveFlow)
        }
    }

    /// Only who is master, becomes it, or keeps copies, puts flows into a table; a role may change within a turn.
    func judgeTurn(of node: SimulatedNode, before: String, after: String) {
        for original in node.bereft where node.kernel.entry(original: original) == nil {
            problem("\(node.name) replaces a child of \(original.source) by nothing: its parent is gone")
        }
        let mayWrite = [before, after].contains { $0 == "master" || $0 == "taking-over" }
        guard node.flowsWritten > 0, !mayWrite, !setup.isHot else { return }
        problem("\(node.name), which is \(after), writes \(node.flowsWritten) flows into its table")
    }

    /// Whether a node's entry carries packets of a live connection.
    private func isCarried(_ entry: SimulatedKernel.Entry, by node: SimulatedNode) -> Bool {
        guard node.holdsAddresses, let last = entry.lastPacket, last >= node.addressesSince,
            let connection = traffic.carried(entry.flow.original)
        else { return false }
        return connection.isLive && connection.flow.reply == entry.flow.reply
    }
}
