public import Bytes

extension Flow {
    /// The digest of what a takeover needs of the flow, under a key: equal on two nodes that hold it alike.
    ///
    /// Covers the original tuple and every attribute whose `isDigested` says so. Nine words for an IPv4 flow of TCP.
    public func digest(_ key: SipHash.Key) -> UInt64 {
        var hash = SipHash(key)
        original.combine(into: &hash)
        reply.combine(into: &hash)
        hash.combine(UInt64(status.intersection(.replicated).rawValue) << 32 | UInt64(mark))
        state.combine(into: &hash)
        if let master { master.combine(into: &hash) }
        if extensions != FlowExtensions() { extensions.combine(into: &hash) }
        return hash.finish()
    }
}

extension ProtocolState {
    fileprivate func combine(into hash: inout SipHash) {
        switch self {
        case .none:
            hash.combine(0)
        case .tcp(let info):
            let flags = (info.originalFlags.intersection(.replicated), info.replyFlags.intersection(.replicated))
            hash.combine(
                UInt64(1) << 56 | UInt64(info.state.rawValue) << 32 | UInt64(info.originalScale) << 24
                    | UInt64(info.replyScale) << 16 | UInt64(flags.0.rawValue) << 8 | UInt64(flags.1.rawValue))
        case .sctp(let info):
            hash.combine(UInt64(2) << 56 | UInt64(info.state.rawValue))
            hash.combine(UInt64(info.originalTag) << 32 | UInt64(info.replyTag))
        case .dccp(let info):
            hash.combine(UInt64(3) << 56 | UInt64(info.state.rawValue) << 8 | (info.originalIsServer ? 1 : 0))
            hash.combine(info.handshakeSequence)
        }
    }
}

extension FlowExtensions {
    fileprivate func combine(into hash: inout SipHash) {
        // Tells extensions from a master's words, which may stand at the same place.
        hash.combine(0x65_7874)
        let name = helper.hashed
        for word in [name.0, name.1, name.2, name.3] { hash.combine(word) }
        hash.combine(labels.high)
        hash.combine(labels.low)
        for side in [sequence.original, sequence.reply] {
            hash.combine(UInt64(side.position))
            hash.combine(UInt64(UInt32(bitPattern: side.before)) << 32 | UInt64(UInt32(bitPattern: side.after)))
        }
        hash.combine(UInt64(synproxy.initialSequence) << 32 | UInt64(synproxy.initialTimestamp))
        hash.combine(UInt64(synproxy.timestampOffset))
    }
}
