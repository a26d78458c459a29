/// What the agent answers: any number of `progress`, then flows or expectations until `more` is false, or one other
/// reply.
public enum ControlReply: Equatable, Sendable {
    /// Done; the text says what.
    case done(String)
    /// Refused or failed; the text says why and what to do.
    case refused(String)
    case status(StatusReport)
    case statistics(StatisticsReport)
    case flows(FlowBatch)
    case expectations(ExpectationLineBatch)
    case keys(KeyListing)
    /// Still at work.
    case progress(ProgressReport)
    case preflight(PreflightReport)

    /// Whether nothing follows for this request.
    public var isLast: Bool {
        switch self {
        case .done, .refused, .status, .statistics, .keys, .preflight: true
        case .flows(let batch): !batch.more
        case .expectations(let batch): !batch.more
        case .progress: false
        }
    }
}

/// How far a long request is.
public struct ProgressReport: Hashable, Sendable {
    public var text: String
    /// 0 to 100; nil if nobody can tell.
    public var percent: UInt8?

    /// Makes a report.
    public init(_ text: String, percent: UInt8? = nil) {
        self.text = text
        self.percent = percent
    }
}

extension ControlReply {
    private enum Kind: UInt8 {
        case done = 129
        case refused, status, statistics, flows, progress, expectations, preflight
        case keys = 150
    }

    /// The reply as a frame for the stream.
    public func frame() throws(ControlProtocolError) -> [UInt8] {
        switch self {
        case .done(let text):
            try ControlFrame.make(kind: Kind.done.rawValue) { $0.put(text) }
        case .refused(let reason):
            try ControlFrame.make(kind: Kind.refused.rawValue) { $0.put(reason) }
        case .status(let report):
            try ControlFrame.make(kind: Kind.status.rawValue) { $0.put(report) }
        case .statistics(let report):
            try ControlFrame.make(kind: Kind.statistics.rawValue) { $0.put(report) }
        case .flows(let batch):
            try ControlFrame.make(kind: Kind.flows.rawValue) { $0.put(batch) }
        case .expectations(let batch):
            try ControlFrame.make(kind: Kind.expectations.rawValue) { $0.put(batch) }
        case .preflight(let report):
            try ControlFrame.make(kind: Kind.preflight.rawValue) { $0.put(report) }
        case .keys(let listing):
            try ControlFrame.make(kind: Kind.keys.rawValue) { $0.put(listing) }
        case .progress(let report):
            try ControlFrame.make(kind: Kind.progress.rawValue) { body in
                body.put(report.text)
                body.put(report.percent)
            }
        }
    }

    /// Reads a payload that a `FrameAssembler` delivered.
    public init(payload: [UInt8]) throws(ControlProtocolError) {
        var (number, body) = try ControlFrame.open(payload)
        guard let kind = Kind(rawValue: number) else { throw .kind(number) }
        switch kind {
        case .done: self = .done(try body.text())
        case .refused: self = .refused(try body.text())
        case .status: self = .status(try body.value())
        case .statistics: self = .statistics(try body.value())
        case .flows: self = .flows(try body.value())
        case .expectations: self = .expectations(try body.value())
        case .preflight: self = .preflight(try body.value())
        case .keys: self = .keys(try body.value())
        case .progress:
            let text = try body.text()
            let percent = try body.optionalNumber(UInt8.self)
            guard (percent ?? 0) <= 100 else { throw .value }
            self = .progress(ProgressReport(text, percent: percent))
        }
        try body.finish()
    }
}
