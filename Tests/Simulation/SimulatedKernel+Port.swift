internal import Bytes
public import Conntrack
public import Engine
internal import StateMachine

/// The port through which one engine reaches its simulated kernel.
public struct SimulatedKernelPort: KernelPort {
    let kernel: SimulatedKernel
    private let process: SimulatedProcess

    /// Opens the agent's sockets.
    public init(_ kernel: SimulatedKernel, process: SimulatedProcess = SimulatedProcess()) {
        self.kernel = kernel
        self.process = process
        kernel.openSocket()
    }

    /// Takes in the events that wait.
    public mutating func receive(into events: inout EventBatch) {
        events.overran = kernel.overran
        kernel.overran = false
        let taken = min(kernel.queue.count, events.limit)
        for event in kernel.queue.prefix(taken) { events.append(event) }
        kernel.queue.removeFirst(taken)
        // What is told of an expectation comes behind what is told of its master.
        guard kernel.queue.isEmpty else { return }
        while let event = kernel.expectationQueue.first, !events.isFull {
            events.append(event)
            kernel.expectationQueue.removeFirst()
        }
    }

    /// Carries out the writes of expectations in order.
    public mutating func write(_ batch: inout ExpectationBatch) {
        for index in batch.writes.indices where process.takeStep() {
            guard let refusal = kernel.perform(batch.writes[index]) else { continue }
            batch.refused.append(.init(index: index, reason: refusal))
        }
    }

    /// Carries out the writes in order.
    public mutating func write(_ batch: inout WriteBatch) {
        for index in batch.writes.indices where process.takeStep() {
            let write = batch.writes[index]
            kernel.witness?.judge(write, on: kernel, meeting: kernel.entry(of: write.flow.original))
            let refusal = kernel.perform(write)
            if let refusal { batch.refused.append(.init(index: index, reason: refusal)) }
            kernel.witness?.judge(write, on: kernel, ended: refusal)
        }
    }

    /// Joins or leaves the group of NEW events.
    public mutating func listenForNew(_ listens: Bool) {
        if process.takeStep() { kernel.hearsNew = listens }
    }

    /// Drops events of flows that a filter leaves out.
    public mutating func leaveOut(_ filter: FlowFilter) { kernel.leftOut = filter }

    /// Begins a dump.
    public mutating func beginDump() {
        kernel.dumpPlace = 0
        kernel.makeDumpPart()
    }

    /// Takes in the next part of the dump.
    public mutating func readDump(into events: inout EventBatch) -> DumpProgress {
        guard let place = kernel.dumpPlace else { return .failed(22) }
        if kernel.interruptsNextDump, place > 0 {
            kernel.interruptsNextDump = false
            kernel.dumpPlace = nil
            return .interrupted
        }
        kernel.dumpWaits = kernel.generator.happens(5)
        if kernel.dumpWaits { return .waiting }
        let isLast = place >= kernel.entries.count
        for event in kernel.dumpPart { events.append(event) }
        kernel.makeDumpPart()
        guard isLast, kernel.dumpPart.isEmpty else { return .more }
        kernel.dumpPlace = nil
        for expectation in kernel.expectations where !events.isFull {
            events.append(ExpectationEvent(.dumped, expectation))
        }
        return .finished
    }

    /// Asks for flows.
    public mutating func find(_ originals: [Tuple]) -> [Flow?] {
        originals.map { kernel.entry(original: $0).map(kernel.shown) }
    }

    /// The flows in the table now, and its limit.
    public mutating func occupancy() -> (entries: Int?, limit: Int?) { (kernel.count, kernel.limit) }

    /// The full timeouts.
    public mutating func timeouts() -> ProtocolTimeouts { kernel.timeouts }
}

extension SimulatedKernel {
    /// Puts the next entries aside as a dump shows them now: netlink fills a buffer ahead of its reader.
    func makeDumpPart() {
        dumpPart.removeAll()
        guard var place = dumpPlace else { return }
        let size = generator.pick(20...200)
        while place < entries.count, dumpPart.count < size {
            if let entry = entries[place] { dumpPart.append(FlowEvent(.dumped, shown(entry), attributes: .all)) }
            place += 1
        }
        dumpPlace = place
    }

    /// One write as ctnetlink does it; an entry is found by its tuple in either direction.
    func perform(_ write: FlowWrite) -> WriteRefusal? {
        let original = write.flow.original
        if let refusal = refusalByChance(of: write) { return refusal }
        switch write.verb {
        case .create:
            return create(write)
        case .replace:
            kill(original, origin: .ours)
            return create(write)
        case .update:
            guard let entry = entry(of: original) else { return .notFound }
            let sticky: FlowStatus = [.seenReply, .assured, .confirmed, .expected]
            guard entry.flow.status.intersection(sticky).isSubset(of: write.flow.status) else { return .busy }
            change(original) { entry in
                entry.flow.status = write.flow.status
                entry.flow.mark = write.flow.mark
                if let tcp = write.flow.tcp {
                    entry.flow.tcp = tcp
                    if tcp.knowsBothScales { entry.isBlind = false }
                }
            }
            setTimeout(original, write.flow.timeout)
        case .makeStrict:
            guard let entry = entry(of: original) else { return .notFound }
            guard entry.flow.tcp != nil else { return .invalid }
            change(original) { $0.isLiberal = false }
        case .prolong:
            guard let entry = entry(of: original) else { return .notFound }
            guard !entry.flow.status.contains(.fixedTimeout) else { return .notPermitted }
            setTimeout(original, write.flow.timeout)
            return nil
        case .delete:
            guard let entry = entry(of: original) else { return .notFound }
            kill(entry.flow.original, origin: .ours)
            return nil
        }
        if let entry = entry(of: original) {
            tell(.update, entry, [.reply, .status, .timeout, .mark, .protocolState, .protocolDetails], origin: .ours)
        }
        return nil
    }

    private func create(_ write: FlowWrite) -> WriteRefusal? {
        guard isFree(write.flow) else { return .exists }
        guard count < limit else { return .tableFull }
        guard !crowdedTuples.contains(write.flow.original) else { return .noSpace }
        guard !missingHelpers.contains(write.flow.extensions.helper) else { return .unsupported }
        if let master = write.flow.master, entry(of: master) == nil { return .notFound }
        var flow = write.flow
        flow.status.insert(.confirmed)
        if !keepsLabels { flow.extensions.labels = ConnectionLabels() }
        if flow.original.protocol == .gre {
            // As the writer asks: the tracker's own timeouts would be zero.
            flow.status.insert(.fixedTimeout)
            flow.status.remove(.assured)
        }
        insert(flow, timeout: write.flow.timeout) { entry in
            entry.isLiberal = write.liberal
            entry.isBlind = flow.tcp.map { !$0.knowsBothScales } ?? false
        }
        if let entry = entry(original: flow.original) {
            tell(.new, entry, .all, origin: .ours)
        }
        return nil
    }
}
