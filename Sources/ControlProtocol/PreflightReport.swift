/// Whether a failover now would be safe, as `preflight` shows it.
///
/// The JSON keys are stable: `schema` grows when one changes its meaning. What is unknown is nil here and null there.
public struct PreflightReport: Equatable, Sendable {
    /// The version of the JSON keys.
    public static let schema: UInt32 = 1

    /// The answer, in rising order of harm.
    public enum Verdict: String, Sendable, CaseIterable, Comparable {
        case safe
        case doubtful
        case notSafe = "unsafe"

        /// Orders by harm.
        public static func < (left: Verdict, right: Verdict) -> Bool { left.rank < right.rank }

        private var rank: Int {
            switch self {
            case .safe: 0
            case .doubtful: 1
            case .notSafe: 2
            }
        }
    }

    /// What is looked at, in the order of the report; a new one goes to the end.
    public enum Check: String, Sendable, CaseIterable {
        /// The sync link is there and carries.
        case link
        /// The peer's agent is heard.
        case peer
        /// Both speak one version of the wire.
        case versions
        /// One is master and the other can become it.
        case roles
        /// The next master holds all flows.
        case sync
        /// … and is close behind their changes.
        case lag
        /// Both digests are equal.
        case digest
        /// Datagrams arrive.
        case loss
        /// Each knows what the other's kernel is like.
        case facts
        /// The next master's kernel tracks packets.
        case tracking
        /// Its table has room.
        case table
        /// … and its hash chains stay short.
        case chains
        /// Its kernel has the flows before a hold ends.
        case commit
        case helpers
        case zones
        case labels
        case events
        /// The settings that decide what becomes of a packet.
        case sysctls
        case timeouts
        /// Every flow can go on elsewhere.
        case flows
    }

    /// Why the verdict is what it is, and one command that helps.
    public struct Finding: Hashable, Sendable {
        public var check: Check
        /// `safe` for what is worth a word and harms nothing that could be helped.
        public var severity: Verdict
        public var what: String
        /// Where the command belongs.
        public var node: String
        public var command: String

        /// Makes a finding.
        public init(_ check: Check, _ severity: Verdict, _ what: String, on node: String, _ command: String) {
            self.check = check
            self.severity = severity
            self.what = what
            self.node = node
            self.command = command
        }
    }

    /// The failover that was looked at.
    public struct Failover: Hashable, Sendable {
        /// The master.
        public var from: String
        /// Who would be the next.
        public var to: String
        /// Flows that would have to go on there.
        public var flows: UInt64

        /// Makes a failover.
        public init(from: String, to: String, flows: UInt64) {
            self.from = from
            self.to = to
            self.flows = flows
        }
    }

    /// The kernel's table of the next master.
    public struct Table: Hashable, Sendable {
        /// Its node.
        public var node: String
        public var entries: UInt64
        /// Entries after the failover, if none of those that are there is a flow of the master.
        public var expected: UInt64
        /// The sysctl `nf_conntrack_max`.
        public var limit: UInt64?
        /// The sysctl `nf_conntrack_buckets`.
        public var buckets: UInt64?

        /// Entries of a hash chain in the mean after the failover: each flow is in two chains.
        public var meanChain: Double? {
            guard let buckets, buckets > 0 else { return nil }
            return 2 * Double(expected) / Double(buckets)
        }

        /// Makes a table's figures.
        public init(node: String, entries: UInt64, expected: UInt64, limit: UInt64?, buckets: UInt64?) {
            self.node = node
            self.entries = entries
            self.expected = expected
            self.limit = limit
            self.buckets = buckets
        }
    }

    /// The node that was asked.
    public var node: String
    public var verdict: Verdict
    /// Nil while it is not one node that is master.
    public var failover: Failover?
    public var table: Table?
    /// The worst first.
    public var findings: [Finding]
    public var passed: [Check]
    /// What could not be looked at.
    public var unknown: [Check]

    /// Makes a report.
    public init(
        node: String, verdict: Verdict, failover: Failover? = nil, table: Table? = nil, findings: [Finding] = [],
        passed: [Check] = [], unknown: [Check] = []
    ) {
        self.node = node
        self.verdict = verdict
        self.failover = failover
        self.table = table
        self.findings = findings
        self.passed = passed
        self.unknown = unknown
    }
}
