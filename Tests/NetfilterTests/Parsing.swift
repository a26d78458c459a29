import Bytes
import Conntrack
import Netfilter

/// Parses one message as an event, or as a line of a dump.
func parse(_ bytes: [UInt8], isDumped: Bool = false) throws(MessageRefusal) -> FlowEvent {
    try bytes.withBytes { span throws(MessageRefusal) in
        var cursor = ByteCursor(span)
        let message = try NetlinkMessage(span, &cursor)
        return isDumped ? try FlowParser.dumped(message, span) : try FlowParser.event(message, span)
    }
}

/// Parses one message about an expectation.
func parseExpectation(_ bytes: [UInt8], isDumped: Bool = false) throws(MessageRefusal) -> ExpectationEvent {
    try bytes.withBytes { span throws(MessageRefusal) in
        var cursor = ByteCursor(span)
        let message = try NetlinkMessage(span, &cursor)
        return isDumped ? try ExpectationParser.dumped(message, span) : try ExpectationParser.event(message, span)
    }
}

/// What came of parsing: an event or the reason why not.
func outcome(_ bytes: [UInt8], isDumped: Bool = false) -> Result<FlowEvent, MessageRefusal> {
    Result { () throws(MessageRefusal) in try parse(bytes, isDumped: isDumped) }
}

extension [UInt8] {
    /// The message with its header's length field made to fit.
    var withOwnLength: [UInt8] {
        var bytes = self
        let length = UInt32(count)
        for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index))) }
        return bytes
    }

    /// The message without the outermost attributes of these numbers.
    func withoutAttributes(_ numbers: Set<UInt8>) -> [UInt8] {
        var kept = Array(prefix(20))
        var place = 20
        while place + 4 <= count {
            let length = ((Int(self[place]) | Int(self[place + 1]) << 8) + 3) & ~3
            if !numbers.contains(self[place + 2]) { kept += self[place..<Swift.min(place + length, count)] }
            place += Swift.max(length, 4)
        }
        return kept.withOwnLength
    }
}
