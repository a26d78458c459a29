internal import Conntrack

/// What `table` and `cache` print: the shape that VyOS documents for `show conntrack table`.
public enum FlowTable {
    private static let idWidth = 11
    private static let endWidth = 22
    private static let protocolWidth = 17

    /// The legend of TCP state codes and the column titles.
    public static let header =
        """
        TCP state codes: SS - SYN SENT, SR - SYN RECEIVED, ES - ESTABLISHED,
                         FW - FIN WAIT, CW - CLOSE WAIT, LA - LAST ACK,
                         TW - TIME WAIT, CL - CLOSE, LI - LISTEN


        """ + row("CONN ID", "Source", "Destination", "Protocol", "TIMEOUT") + "\n"

    /// One flow, by its original tuple; 80 columns with IPv4.
    public static func render(_ line: FlowLine) -> String {
        let tuple = line.flow.original
        let state = line.flow.tcp.map { " \($0.state.code)" } ?? ""
        return row(
            line.id.map { String($0) } ?? "-", end(tuple.source, tuple.sourceKey, of: tuple),
            end(tuple.destination, tuple.destinationKey, of: tuple),
            "\(tuple.protocol.name) [\(tuple.protocol.rawValue)]\(state)", String(line.flow.timeout))
    }

    private static func end(_ address: Address, _ key: UInt16, of tuple: Tuple) -> String {
        let text = address.text(tuple.family)
        guard tuple.protocol.hasPorts else { return text }
        return tuple.family == .ipv4 ? "\(text):\(key)" : "[\(text)]:\(key)"
    }

    private static func row(
        _ id: String, _ source: String, _ destination: String, _ protocol: String, _ timeout: String
    ) -> String {
        id.padded(to: idWidth) + source.padded(to: endWidth) + destination.padded(to: endWidth)
            + `protocol`.padded(to: protocolWidth) + timeout
    }
}
