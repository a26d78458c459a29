public import Conntrack

/// One flow of a listing.
public struct FlowLine: Hashable, Sendable {
    /// The kernel's id of its entry; nil where none is known.
    public var id: UInt32?
    public var flow: Flow
    /// Milliseconds since the flow changed last; nil where nobody keeps that.
    public var ageMilliseconds: UInt64?

    /// Makes a line.
    public init(id: UInt32? = nil, _ flow: Flow, ageMilliseconds: UInt64? = nil) {
        self.id = id
        self.flow = flow
        self.ageMilliseconds = ageMilliseconds
    }
}

/// A part of a listing.
public struct FlowBatch: Equatable, Sendable {
    /// At most `ControlLimit.batchFlows`; further ones are not sent.
    public var lines: [FlowLine]
    /// Whether another batch follows.
    public var more: Bool
    /// What whoever reads the listing must know, as that no ruleset enables conntrack here.
    public var warning: String?

    /// Makes a batch.
    public init(_ lines: [FlowLine], more: Bool, warning: String? = nil) {
        self.lines = lines
        self.more = more
        self.warning = warning
    }
}

extension FlowBatch: BodyValue {
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

extension FlowLine: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(id)
        body.put(flow.original)
        body.put(flow.reply)
        body.put(flow.master)
        body.put(flow.status.rawValue)
        body.put(flow.timeout)
        body.put(flow.mark)
        body.put(flow.state)
        body.put(flow.extensions == FlowExtensions() ? nil : flow.extensions)
        body.put(ageMilliseconds)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        id = try body.optionalNumber()
        flow = Flow(
            original: try body.value(), reply: try body.value(), master: try body.optionalValue(),
            status: FlowStatus(rawValue: try body.number()), timeout: try body.number(), mark: try body.number(),
            state: try body.value(), extensions: try body.optionalValue() ?? FlowExtensions())
        ageMilliseconds = try body.optionalNumber()
    }
}
