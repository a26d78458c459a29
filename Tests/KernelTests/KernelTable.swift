import Conntrack
import LabSupport
import Netfilter

/// The whole table of this thread's network namespace, as a dump shows it.
func dumpTable(_ family: AddressFamily? = nil, batchLimit: Int = 256) throws -> [FlowEvent] {
    var dump = ConntrackDump()
    try dump.begin(family)
    var all: [FlowEvent] = []
    var batch = EventBatch(limit: batchLimit)
    while true {
        batch.removeAll()
        let progress = try dump.read(into: &batch)
        all += batch.events
        switch progress {
        case .more: continue
        case .finished: return all
        case .interrupted, .failed: throw DumpBroken(progress: progress)
        }
    }
}

struct DumpBroken: Error { let progress: DumpProgress }

/// Writes and returns what was refused.
func write(_ writes: [FlowWrite], _ writer: inout ConntrackWriter) throws -> [WriteBatch.Refused] {
    var batch = WriteBatch()
    for one in writes { batch.append(one) }
    try writer.write(&batch)
    return batch.refused
}
