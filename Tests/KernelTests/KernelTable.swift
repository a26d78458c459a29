import Conntrack
import Glibc
import LabSupport
import Netfilter
import Synchronization

/// Runs in a new namespace and holds what its kernel says meanwhile against libnetfilter_conntrack.
///
/// A message about a flow or an expectation that the library reads differently fails the test.
func withKernel<Result>(_ body: @escaping (inout MessageTap) throws -> Result) throws -> Result {
    try NetworkNamespace.withNew {
        var tap = try MessageTap()
        let result = try body(&tap)
        try tap.receive()
        try tap.dump()
        ComparedMessages.count(tap.distinct)
        guard tap.differences.isEmpty else { throw ReadDifferently(differences: tap.differences) }
        return result
    }
}

/// Messages of which our parser and the library do not read the same.
struct ReadDifferently: Error { let differences: [String] }

/// How many distinct messages the tests of this process held against the library; printed when it ends.
///
/// Distinct in one namespace: two namespaces may show the same flow.
enum ComparedMessages {
    private static let total = Mutex(0)

    static func count(_ distinct: Int) {
        total.withLock { total in
            if total == 0 { atexit { ComparedMessages.report() } }
            total += distinct
        }
    }

    private static func report() {
        let count = total.withLock { $0 }
        print("compared with libnetfilter_conntrack: \(count) distinct messages")
    }
}

/// The whole table of this thread's network namespace, as a dump shows it.
func dumpTable(_ family: AddressFamily? = nil, batchLimit: Int = 256) throws -> [FlowEvent] {
    var dump = ConntrackDump()
    try dump.begin(family)
    return try read(&dump, batchLimit: batchLimit).flows
}

/// The expectations of this thread's network namespace, as a dump shows them.
func dumpExpectations(batchLimit: Int = 256) throws -> [ExpectationEvent] {
    var dump = ConntrackDump()
    try dump.beginExpectations()
    return try read(&dump, batchLimit: batchLimit).expectations
}

private func read(
    _ dump: inout ConntrackDump, batchLimit: Int
) throws -> (flows: [FlowEvent], expectations: [ExpectationEvent]) {
    var flows: [FlowEvent] = []
    var expectations: [ExpectationEvent] = []
    var batch = EventBatch(limit: batchLimit)
    while true {
        batch.removeAll()
        let progress = try dump.read(into: &batch)
        flows += batch.events
        expectations += batch.expectations
        switch progress {
        case .more: continue
        case .finished: return (flows, expectations)
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

/// Writes expectations and returns what was refused.
func write(_ writes: [ExpectationWrite], _ writer: inout ConntrackWriter) throws -> [WriteBatch.Refused] {
    var batch = ExpectationBatch()
    for one in writes { batch.append(one) }
    try writer.write(&batch)
    return batch.refused
}

extension FlowStatus {
    /// Bits by which the kernel remembers that it looked for a translation, found or not.
    static let looked: FlowStatus = [.sourceNATDone, .destinationNATDone]
}

extension Flow {
    /// The flow between other addresses, so that many of one kind fit into a table; `place` is below 200.
    func moved(to place: Int) -> Flow {
        func moved(_ tuple: Tuple) -> Tuple {
            var tuple = tuple
            tuple.source.low += UInt64(place) << 8
            tuple.destination.low += UInt64(place) << 8
            return tuple
        }
        var flow = self
        flow.original = moved(original)
        flow.reply = moved(reply)
        flow.master = master.map(moved)
        return flow
    }
}

extension [Flow] {
    /// The flows by what a table finds them by.
    var byOriginal: [Tuple: Flow] { Dictionary(map { ($0.original, $0) }) { first, _ in first } }
}

/// The ranges of a table's rows that fit into one batch.
func chunks(_ count: Int, of size: Int = WriteBatch.limit / 2) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
}
