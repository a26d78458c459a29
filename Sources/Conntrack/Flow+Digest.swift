public import Bytes

extension Flow {
    /// The digest of what a takeover needs of the flow, under a key: equal on two nodes that hold it alike.
    ///
    /// Covers the original tuple and every attribute whose `isDigested` says so.
    public func digest(_ key: SipHash.Key) -> UInt64 {
        let flow = replicated
        var hash = SipHash(key)
        hash.combine(flow.original.hash(key))
        hash.combine(flow.reply.hash(key))
        hash.combine(flow.master.map { $0.hash(key) } ?? 0)
        hash.combine(UInt64(flow.status.rawValue) << 32 | UInt64(flow.mark))
        switch flow.state {
        case .none:
            hash.combine(0)
        case .tcp(let info):
            hash.combine(
                UInt64(1) << 56 | UInt64(info.state.rawValue) << 32 | UInt64(info.originalScale) << 24
                    | UInt64(info.replyScale) << 16 | UInt64(info.originalFlags.rawValue) << 8
                    | UInt64(info.replyFlags.rawValue))
        case .sctp(let info):
            hash.combine(UInt64(2) << 56 | UInt64(info.state.rawValue))
            hash.combine(UInt64(info.originalTag) << 32 | UInt64(info.replyTag))
        case .dccp(let info):
            hash.combine(UInt64(3) << 56 | UInt64(info.state.rawValue) << 8 | (info.originalIsServer ? 1 : 0))
            hash.combine(info.handshakeSequence)
        }
        flow.extensions.combine(into: &hash)
        return hash.finish()
    }
}

extension FlowExtensions {
    /// Takes the extensions into a hash; none take no time.
    fileprivate func combine(into hash: inout SipHash) {
        guard self != FlowExtensions() else { return }
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
