internal import Bytes
internal import CNetfilterConntrack
internal import Conntrack
internal import Netfilter

/// Holds our parsers against libnetfilter_conntrack.
public enum Oracle {
    /// Names each attribute that both know and read differently out of a message of the kernel; none is agreement.
    ///
    /// - Parameter message: one message from its netlink header on, about a flow or an expectation.
    public static func differences(_ message: [UInt8], isDumped: Bool) -> [String] {
        var comparison = OracleComparison()
        do throws(MessageRefusal) {
            try message.withBytes { bytes throws(MessageRefusal) in
                var cursor = ByteCursor(bytes)
                let header = try NetlinkMessage(bytes, &cursor)
                // NFNL_SUBSYS_CTNETLINK_EXP.
                if header.type >> 8 == 2 {
                    let event =
                        isDumped
                        ? try ExpectationParser.dumped(header, bytes) : try ExpectationParser.event(header, bytes)
                    comparison.compare(event.expectation, message)
                } else {
                    let event = isDumped ? try FlowParser.dumped(header, bytes) : try FlowParser.event(header, bytes)
                    comparison.compare(event, message)
                }
            }
        } catch {
            return ["refused as \(error)"]
        }
        return comparison.differences
    }
}

/// One message, read twice.
struct OracleComparison {
    private(set) var differences: [String] = []

    /// Notes the attribute if the two readings are not the same.
    private mutating func check<Value: Equatable>(_ name: String, _ ours: Value?, _ theirs: Value?) {
        guard ours != theirs else { return }
        func text(_ value: Value?) -> String { value.map { "\($0)" } ?? "nothing" }
        differences.append("\(name): \(text(ours)), the library \(text(theirs))")
    }

    mutating func compare(_ event: FlowEvent, _ message: [UInt8]) {
        guard let oracle = OracleFlow(message) else { return differences.append("the library refuses it") }
        let flow = event.flow
        let theirs = oracle.object
        let family = flow.original.family
        let told = event.attributes
        /// What a dump leaves out is none, to us; the library says nothing of it.
        func absent<Value>(_ none: Value) -> Value? { event.kind == .dumped ? none : nil }

        check("original family", family.rawValue, theirs.uint8(ATTR_ORIG_L3PROTO))
        check("original protocol", flow.original.protocol.rawValue, theirs.uint8(ATTR_ORIG_L4PROTO))
        check("original source", flow.original.source, theirs.address(family, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC))
        check(
            "original destination", flow.original.destination,
            theirs.address(family, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST))
        if told.contains(.reply) {
            check("reply family", flow.reply.family.rawValue, theirs.uint8(ATTR_REPL_L3PROTO))
            check("reply protocol", flow.reply.protocol.rawValue, theirs.uint8(ATTR_REPL_L4PROTO))
            check("reply source", flow.reply.source, theirs.address(family, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC))
            check(
                "reply destination", flow.reply.destination,
                theirs.address(family, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST))
        }
        if flow.original.protocol.isICMP {
            check("ICMP id", flow.original.sourceKey, theirs.key(ATTR_ICMP_ID))
            check("ICMP type", UInt8(flow.original.destinationKey >> 8), theirs.uint8(ATTR_ICMP_TYPE))
            check("ICMP code", UInt8(flow.original.destinationKey & 0xff), theirs.uint8(ATTR_ICMP_CODE))
        } else {
            check("original source key", flow.original.sourceKey, theirs.key(ATTR_ORIG_PORT_SRC) ?? 0)
            check("original destination key", flow.original.destinationKey, theirs.key(ATTR_ORIG_PORT_DST) ?? 0)
            check("reply source key", flow.reply.sourceKey, theirs.key(ATTR_REPL_PORT_SRC) ?? 0)
            check("reply destination key", flow.reply.destinationKey, theirs.key(ATTR_REPL_PORT_DST) ?? 0)
        }
        let zone = theirs.uint16(ATTR_ZONE)
        check("original zone", flow.original.zone, zone ?? theirs.uint16(ATTR_ORIG_ZONE) ?? 0)
        check("reply zone", flow.reply.zone, zone ?? theirs.uint16(ATTR_REPL_ZONE) ?? 0)

        check("status", told.contains(.status) ? flow.status.rawValue : nil, theirs.uint32(ATTR_STATUS))
        check("timeout", told.contains(.timeout) ? flow.timeout : nil, theirs.uint32(ATTR_TIMEOUT))
        check("mark", told.contains(.mark) ? flow.mark : nil, theirs.uint32(ATTR_MARK) ?? absent(0))
        check(
            "helper", told.contains(.helper) ? flow.extensions.helper.text : nil,
            theirs.text(ATTR_HELPER_NAME) ?? absent(""))
        check(
            "labels", told.contains(.labels) ? flow.extensions.labels : nil,
            theirs.labels ?? absent(ConnectionLabels()))
        compareMaster(flow, told, theirs)
        compareState(flow, told, theirs)
        let sequence = Self.sequence(theirs) ?? absent(SequenceAdjustments())
        check("sequence adjustment", told.contains(.sequence) ? flow.extensions.sequence : nil, sequence)
        let synproxy = Self.synproxy(theirs) ?? absent(SynproxyState())
        check("synproxy", told.contains(.synproxy) ? flow.extensions.synproxy : nil, synproxy)
    }

    private mutating func compareMaster(_ flow: Flow, _ told: FlowAttributes, _ theirs: OracleObject) {
        let family = flow.original.family
        let master = told.contains(.master) ? flow.master : nil
        check("master's source", master?.source, theirs.address(family, ATTR_MASTER_IPV4_SRC, ATTR_MASTER_IPV6_SRC))
        check(
            "master's destination", master?.destination,
            theirs.address(family, ATTR_MASTER_IPV4_DST, ATTR_MASTER_IPV6_DST))
        check("master's protocol", master?.protocol.rawValue, theirs.uint8(ATTR_MASTER_L4PROTO))
        // An id in the place of ports is not among what the library keeps of a master.
        guard let master, !master.protocol.isICMP else { return }
        check("master's source key", master.sourceKey, theirs.key(ATTR_MASTER_PORT_SRC) ?? 0)
        check("master's destination key", master.destinationKey, theirs.key(ATTR_MASTER_PORT_DST) ?? 0)
    }

    private mutating func compareState(_ flow: Flow, _ told: FlowAttributes, _ theirs: OracleObject) {
        let state = told.contains(.protocolState) ? flow.state : .none
        let hasDetails = told.contains(.protocolDetails)
        var (tcp, sctp, dccp) = (TCPInfo?.none, SCTPInfo?.none, DCCPInfo?.none)
        switch state {
        case .none: break
        case .tcp(let info): tcp = info
        case .sctp(let info): sctp = info
        case .dccp(let info): dccp = info
        }
        check("TCP state", tcp?.state.rawValue, theirs.uint8(ATTR_TCP_STATE))
        check("SCTP state", sctp?.state.rawValue, theirs.uint8(ATTR_SCTP_STATE))
        check("DCCP state", dccp?.state.rawValue, theirs.uint8(ATTR_DCCP_STATE))
        if !hasDetails { (tcp, sctp, dccp) = (nil, nil, nil) }
        check("TCP scale", tcp?.originalScale, theirs.uint8(ATTR_TCP_WSCALE_ORIG))
        check("TCP reply scale", tcp?.replyScale, theirs.uint8(ATTR_TCP_WSCALE_REPL))
        // Bits beside these four are about packets under way and are not kept.
        let named = TCPFlags.replicated.union(.beLiberal).rawValue
        check("TCP flags", tcp?.originalFlags.rawValue, theirs.uint8(ATTR_TCP_FLAGS_ORIG).map { $0 & named })
        check("TCP reply flags", tcp?.replyFlags.rawValue, theirs.uint8(ATTR_TCP_FLAGS_REPL).map { $0 & named })
        check("SCTP tag", sctp?.originalTag, theirs.uint32(ATTR_SCTP_VTAG_ORIG))
        check("SCTP reply tag", sctp?.replyTag, theirs.uint32(ATTR_SCTP_VTAG_REPL))
        check("DCCP role", dccp.map { $0.originalIsServer ? 1 : 0 }, theirs.uint8(ATTR_DCCP_ROLE))
        check("DCCP sequence number", dccp?.handshakeSequence, theirs.uint64(ATTR_DCCP_HANDSHAKE_SEQ))
    }

    private static func sequence(_ theirs: OracleObject) -> SequenceAdjustments? {
        guard let position = theirs.uint32(ATTR_ORIG_NAT_SEQ_CORRECTION_POS),
            let before = theirs.uint32(ATTR_ORIG_NAT_SEQ_OFFSET_BEFORE),
            let after = theirs.uint32(ATTR_ORIG_NAT_SEQ_OFFSET_AFTER),
            let replyPosition = theirs.uint32(ATTR_REPL_NAT_SEQ_CORRECTION_POS),
            let replyBefore = theirs.uint32(ATTR_REPL_NAT_SEQ_OFFSET_BEFORE),
            let replyAfter = theirs.uint32(ATTR_REPL_NAT_SEQ_OFFSET_AFTER)
        else { return nil }
        return SequenceAdjustments(
            original: SequenceAdjustment(
                position: position, before: Int32(bitPattern: before), after: Int32(bitPattern: after)),
            reply: SequenceAdjustment(
                position: replyPosition, before: Int32(bitPattern: replyBefore),
                after: Int32(bitPattern: replyAfter)))
    }

    private static func synproxy(_ theirs: OracleObject) -> SynproxyState? {
        guard let sequence = theirs.uint32(ATTR_SYNPROXY_ISN), let timestamp = theirs.uint32(ATTR_SYNPROXY_ITS),
            let offset = theirs.uint32(ATTR_SYNPROXY_TSOFF)
        else { return nil }
        return SynproxyState(initialSequence: sequence, initialTimestamp: timestamp, timestampOffset: offset)
    }

    // MARK: Expectations

    mutating func compare(_ expectation: Expectation, _ message: [UInt8]) {
        guard let oracle = OracleExpectation(message) else { return differences.append("the library refuses it") }
        compare("tuple", expectation.key.tuple, oracle.tuple(ATTR_EXP_EXPECTED))
        compare("master", expectation.master, oracle.tuple(ATTR_EXP_MASTER))
        var mask = expectation.key.tuple
        mask.source = expectation.key.sourceMask
        mask.sourceKey = expectation.key.sourceKeyMask
        compare("mask", mask, oracle.tuple(ATTR_EXP_MASK), sourceOnly: true)
        check("timeout", expectation.timeout, oracle.uint32(ATTR_EXP_TIMEOUT))
        check("flags", UInt32(expectation.flags.rawValue), oracle.uint32(ATTR_EXP_FLAGS))
        check("class", expectation.policy, oracle.uint32(ATTR_EXP_CLASS))
        check("helper", expectation.helper.text, oracle.text(ATTR_EXP_HELPER_NAME) ?? "")
        check("function", expectation.function.text, oracle.text(ATTR_EXP_FN) ?? "")
        let saved = oracle.tuple(ATTR_EXP_NAT_TUPLE)
        check("translation", expectation.translation != nil, saved != nil)
        guard let translation = expectation.translation, let saved else { return }
        var tuple = expectation.master
        tuple.source = translation.address
        tuple.sourceKey = translation.key
        compare("translation", tuple, saved, sourceOnly: true)
        check("translation's direction", translation.isReply ? 1 : 0, oracle.uint8(ATTR_EXP_NAT_DIR))
    }

    private mutating func compare(_ name: String, _ ours: Tuple, _ theirs: OracleObject?, sourceOnly: Bool = false) {
        guard let theirs else { return check(name, ours, nil) }
        let family = ours.family
        check("\(name): family", family.rawValue, theirs.uint8(ATTR_ORIG_L3PROTO))
        check("\(name): protocol", ours.protocol.rawValue, theirs.uint8(ATTR_ORIG_L4PROTO))
        check("\(name): source", ours.source, theirs.address(family, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC))
        check("\(name): source key", ours.sourceKey, theirs.key(ATTR_ORIG_PORT_SRC) ?? 0)
        guard !sourceOnly else { return }
        check("\(name): destination", ours.destination, theirs.address(family, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST))
        check("\(name): destination key", ours.destinationKey, theirs.key(ATTR_ORIG_PORT_DST) ?? 0)
    }
}
