internal import Conntrack
internal import Engine
internal import Netfilter

/// The kernel's conntrack table as the engine's port: one socket for events, one for writes, one for each dump.
struct KernelAdapter: ~Copyable, KernelPort {
    private(set) var events: ConntrackEvents
    private(set) var writer: ConntrackWriter
    private var dump = ConntrackDump()
    private var lookup: ConntrackLookup
    private var dumpsExpectations = false
    private var cachedTimeouts: ProtocolTimeouts
    /// Failures of the sockets themselves; the caches recover by a dump.
    private(set) var failures: UInt64 = 0

    /// Opens the sockets in the network namespace of the calling thread.
    static func open(eventQueueBytes: Int) throws(ConntrackError) -> KernelAdapter {
        let writer = try ConntrackWriter.open()
        var events = try ConntrackEvents.open(receiveBuffer: eventQueueBytes)
        events.recognise(writer: writer.portID)
        return KernelAdapter(events: events, writer: writer, lookup: try ConntrackLookup.open())
    }

    private init(
        events: consuming ConntrackEvents, writer: consuming ConntrackWriter, lookup: consuming ConntrackLookup
    ) {
        self.lookup = lookup
        self.events = events
        self.writer = writer
        cachedTimeouts = KernelFacts.timeouts()
    }

    mutating func receive(into batch: inout EventBatch) {
        do { try events.receive(into: &batch) } catch {
            failures += 1
            batch.overran = true
        }
    }

    mutating func write(_ batch: inout WriteBatch) {
        do { try writer.write(&batch) } catch {
            failures += 1
            let reason: WriteRefusal = error == .notPermitted ? .notPermitted : .other
            batch.refused = batch.writes.indices.map { .init(index: $0, reason: reason) }
        }
    }

    mutating func write(_ batch: inout ExpectationBatch) {
        do { try writer.write(&batch) } catch {
            failures += 1
            let reason: WriteRefusal = error == .notPermitted ? .notPermitted : .other
            batch.refused = batch.writes.indices.map { .init(index: $0, reason: reason) }
        }
    }

    mutating func listenForNew(_ listens: Bool) {
        // A commit begins or ends: what it writes follows the timeouts of this moment.
        cachedTimeouts = KernelFacts.timeouts()
        do { if listens { try events.join(.new) } else { try events.leave(.new) } } catch { failures += 1 }
    }

    mutating func leaveOut(_ filter: FlowFilter) {
        do { try events.leaveOut(filter) } catch { failures += 1 }
    }

    mutating func beginDump() {
        cachedTimeouts = KernelFacts.timeouts()
        dumpsExpectations = false
        do { try dump.begin() } catch { failures += 1 }
    }

    mutating func readDump(into batch: inout EventBatch) -> Engine::DumpProgress {
        guard dump.isRunning else { return .failed(0) }
        do {
            switch try dump.read(into: &batch) {
            case .more: return .more
            case .finished where !dumpsExpectations:
                dumpsExpectations = true
                try dump.beginExpectations()
                return .more
            case .finished: return .finished
            case .interrupted: return .interrupted
            case .failed(let error): return .failed(error)
            }
        } catch {
            failures += 1
            return .failed(0)
        }
    }

    mutating func find(_ originals: [Tuple]) -> [Flow?] {
        originals.map { original in
            do { return try lookup.find(original) } catch {
                failures += 1
                return nil
            }
        }
    }

    mutating func occupancy() -> (entries: Int?, limit: Int?) {
        (KernelFacts.entries(), KernelFacts.limit())
    }

    mutating func timeouts() -> ProtocolTimeouts { cachedTimeouts }
}
