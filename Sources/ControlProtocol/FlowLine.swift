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
