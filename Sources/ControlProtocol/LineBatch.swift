/// A part of a listing.
public struct LineBatch<Line: Hashable & Sendable>: Equatable, Sendable {
    /// At most `ControlLimit.batchFlows`; further ones are not sent.
    public var lines: [Line]
    /// Whether another batch follows.
    public var more: Bool
    /// What whoever reads the listing must know, as that no ruleset enables conntrack here.
    public var warning: String?

    /// Makes a batch.
    public init(_ lines: [Line], more: Bool, warning: String? = nil) {
        self.lines = lines
        self.more = more
        self.warning = warning
    }
}

/// A part of a listing of flows.
public typealias FlowBatch = LineBatch<FlowLine>

/// A part of a listing of expectations.
public typealias ExpectationLineBatch = LineBatch<ExpectationLine>

extension LineBatch: BodyValue where Line: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(lines)
        body.put(more)
        body.put(warning)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        lines = try body.list()
        more = try body.flag()
        warning = try body.optionalText()
    }
}
