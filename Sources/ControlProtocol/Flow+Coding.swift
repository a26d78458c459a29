internal import Conntrack

extension ProtocolState: BodyValue {
    private enum Kind: UInt8, CaseIterable {
        case none
        case tcp
        case sctp
        case dccp
    }

    func write(to body: inout BodyWriter) {
        switch self {
        case .none:
            body.put(choice: Kind.none)
        case .tcp(let info):
            body.put(choice: Kind.tcp)
            body.put(byte: info.state.rawValue)
            body.put(byte: info.originalScale)
            body.put(byte: info.replyScale)
            body.put(byte: info.originalFlags.rawValue)
            body.put(byte: info.replyFlags.rawValue)
        case .sctp(let info):
            body.put(choice: Kind.sctp)
            body.put(byte: info.state.rawValue)
            body.put(info.originalTag)
            body.put(info.replyTag)
        case .dccp(let info):
            body.put(choice: Kind.dccp)
            body.put(byte: info.state.rawValue)
            body.put(info.originalIsServer)
            body.put(info.handshakeSequence)
        }
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        switch try body.choice(Kind.self) {
        case .none:
            self = .none
        case .tcp:
            guard let state = TCPState(rawValue: try body.byte()) else { throw .value }
            self = .tcp(
                TCPInfo(
                    state: state, originalScale: try body.byte(), replyScale: try body.byte(),
                    originalFlags: TCPFlags(rawValue: try body.byte()), replyFlags: TCPFlags(rawValue: try body.byte()))
            )
        case .sctp:
            guard let state = SCTPState(rawValue: try body.byte()) else { throw .value }
            self = .sctp(SCTPInfo(state: state, originalTag: try body.number(), replyTag: try body.number()))
        case .dccp:
            guard let state = DCCPState(rawValue: try body.byte()) else { throw .value }
            self = .dccp(
                DCCPInfo(state: state, originalIsServer: try body.flag(), handshakeSequence: try body.number()))
        }
    }
}

extension FlowExtensions: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(helper)
        body.put(labels.high)
        body.put(labels.low)
        body.put(sequence.original)
        body.put(sequence.reply)
        body.put(synproxy.initialSequence)
        body.put(synproxy.initialTimestamp)
        body.put(synproxy.timestampOffset)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        self.init(
            helper: try body.value(), labels: ConnectionLabels(high: try body.number(), low: try body.number()),
            sequence: SequenceAdjustments(original: try body.value(), reply: try body.value()),
            synproxy: SynproxyState(
                initialSequence: try body.number(), initialTimestamp: try body.number(),
                timestampOffset: try body.number()))
    }
}

extension SequenceAdjustment: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(position)
        body.put(UInt32(bitPattern: before))
        body.put(UInt32(bitPattern: after))
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        self.init(
            position: try body.number(), before: Int32(bitPattern: try body.number()),
            after: Int32(bitPattern: try body.number()))
    }
}
