internal import Conntrack

/// What `cache internal|external expect` prints.
public enum ExpectationTable {
    private static let helperWidth = 11

    /// The column titles.
    public static let header = row("Source", "Destination", "Protocol", "Helper", "TIMEOUT") + "\n"

    /// One expectation, by the flow that it expects; 80 columns with IPv4, and `*` for what need not match.
    public static func render(_ line: ExpectationLine) -> String {
        let (key, tuple) = (line.expectation.key, line.expectation.key.tuple)
        let port = key.sourceKeyMask == 0 ? "*" : String(tuple.sourceKey)
        let source =
            key.sourceMask == .any
            ? (tuple.protocol.hasPorts ? "*:\(port)" : "*") : FlowTable.end(tuple.source, port, of: tuple)
        return row(
            source, FlowTable.end(tuple.destination, tuple.destinationKey, of: tuple),
            "\(tuple.protocol.name) [\(tuple.protocol.rawValue)]",
            line.expectation.helper.isNone ? "-" : line.expectation.helper.text, String(line.expectation.timeout))
    }

    /// All that the row does not show, each behind its name; rows of 80 columns.
    public static func renderDetails(_ line: ExpectationLine) -> String {
        let (expectation, tuple) = (line.expectation, line.expectation.key.tuple)
        var pieces = ["master \(expectation.master.protocol.name) \(FlowTable.tuple(expectation.master))"]
        pieces.append("mask " + FlowTable.end(expectation.key.sourceMask, expectation.key.sourceKeyMask, of: tuple))
        if tuple.zone != 0 { pieces.append("zone \(tuple.zone)") }
        if !expectation.flags.isEmpty { pieces.append("flags " + expectation.flags.names.joined(separator: ",")) }
        pieces.append("policy \(expectation.policy)")
        if let translation = expectation.translation {
            let end = FlowTable.end(translation.address, translation.key, of: tuple)
            pieces.append("translation \(translation.isReply ? "reply" : "original") \(end)")
        }
        if !expectation.function.isNone { pieces.append("function \(expectation.function.text)") }
        var screen = Screen()
        screen.row("", pieces)
        return screen.text
    }

    private static func row(
        _ source: String, _ destination: String, _ protocol: String, _ helper: String, _ timeout: String
    ) -> String {
        source.padded(to: FlowTable.endWidth) + destination.padded(to: FlowTable.endWidth)
            + `protocol`.padded(to: FlowTable.protocolWidth) + helper.padded(to: helperWidth) + timeout
    }
}
