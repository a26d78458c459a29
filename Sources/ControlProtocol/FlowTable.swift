internal import Conntrack

/// What `table` and `cache` print: the shape that VyOS documents for `show conntrack table`.
public enum FlowTable {
    private static let idWidth = 11
    static let endWidth = 22
    static let protocolWidth = 17

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

    /// Every attribute that the row does not show and the flow has, each behind its name; rows of 80 columns.
    public static func renderDetails(_ line: FlowLine) -> String {
        var screen = Screen()
        screen.row(
            "",
            FlowAttribute.allCases.compactMap { attribute in
                value(of: attribute, line.flow).map { "\(attribute.name) \($0)" }
            })
        return screen.text
    }

    /// An attribute's value in words; nil if there is none, or if the row shows it.
    private static func value(of attribute: FlowAttribute, _ flow: Flow) -> String? {
        let extensions = flow.extensions
        switch attribute {
        case .reply:
            return tuple(flow.reply)
        case .zone:
            let (original, reply) = (flow.original.zone, flow.reply.zone)
            if original == reply { return original == 0 ? nil : String(original) }
            return "\(original)/\(reply)"
        case .status:
            return flow.status.isEmpty ? nil : flow.status.names.joined(separator: " ")
        case .timeout:
            return nil
        case .mark:
            return flow.mark == 0 ? nil : String(flow.mark)
        case .master:
            return flow.master.map { "\($0.protocol.name) \(tuple($0))" }
        case .protocolState:
            return flow.state.name
        case .protocolDetails:
            return details(of: flow.state)
        case .helper:
            return extensions.helper.isNone ? nil : extensions.helper.text
        case .labels:
            return extensions.labels.isEmpty
                ? nil : extensions.labels.numbers.map { String($0) }.joined(separator: ",")
        case .sequence:
            guard !extensions.sequence.isNone else { return nil }
            return "\(adjustment(extensions.sequence.original)) / \(adjustment(extensions.sequence.reply))"
        case .synproxy:
            guard !extensions.synproxy.isNone else { return nil }
            return "\(extensions.synproxy.initialSequence),\(extensions.synproxy.initialTimestamp),"
                + "\(extensions.synproxy.timestampOffset)"
        }
    }

    private static func details(of state: ProtocolState) -> String? {
        func sides(_ original: some Any, _ reply: some Any) -> String { "\(original)/\(reply)" }
        func names(_ flags: TCPFlags) -> String {
            flags.isEmpty ? "none" : flags.names.joined(separator: ",")
        }
        switch state {
        case .none:
            return nil
        case .tcp(let info):
            return "scale \(sides(info.originalScale, info.replyScale)) "
                + "flags \(sides(names(info.originalFlags), names(info.replyFlags)))"
        case .sctp(let info):
            return "tags \(sides(info.originalTag, info.replyTag))"
        case .dccp(let info):
            return "\(info.originalIsServer ? "server" : "client") sequence \(info.handshakeSequence)"
        }
    }

    private static func adjustment(_ side: SequenceAdjustment) -> String {
        "\(side.position) \(side.before) \(side.after)"
    }

    /// Both ends of a tuple, with the keys that its protocol has.
    static func tuple(_ tuple: Tuple) -> String {
        let ends =
            end(tuple.source, tuple.sourceKey, of: tuple) + " "
            + end(tuple.destination, tuple.destinationKey, of: tuple)
        if tuple.protocol.isICMP {
            let (type, code) = (tuple.destinationKey >> 8, tuple.destinationKey & 0xff)
            return "\(ends) id \(tuple.sourceKey) type \(type) code \(code)"
        }
        guard tuple.protocol == .gre, tuple.sourceKey != 0 || tuple.destinationKey != 0 else { return ends }
        return "\(ends) keys \(tuple.sourceKey)/\(tuple.destinationKey)"
    }

    static func end(_ address: Address, _ key: some CustomStringConvertible, of tuple: Tuple) -> String {
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
