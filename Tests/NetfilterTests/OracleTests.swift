import CNetfilterConntrack
import Conntrack
import Netfilter
import Testing

/// Our parser and libnetfilter_conntrack read the same out of every message.
@Suite struct OracleTests {
    @Test(arguments: GoldenMessage.all)
    func `tuples agree with libnetfilter_conntrack`(golden: GoldenMessage) throws {
        let flow = try parse(golden.bytes, isDumped: golden.isDumped).flow
        guard let oracle = OracleFlow(golden.bytes) else {
            Issue.record("libnetfilter_conntrack refuses it")
            return
        }
        let family = flow.original.family
        let read = (
            oracle.uint8(ATTR_ORIG_L3PROTO), oracle.uint8(ATTR_ORIG_L4PROTO), oracle.uint8(ATTR_REPL_L3PROTO),
            oracle.uint8(ATTR_REPL_L4PROTO)
        )
        #expect(read.0 == family.rawValue)
        #expect(read.1 == flow.original.protocol.rawValue)
        #expect(read.2 == flow.reply.family.rawValue)
        #expect(read.3 == flow.reply.protocol.rawValue)
        let source = oracle.address(family, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC)
        let destination = oracle.address(family, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST)
        #expect(source == flow.original.source)
        #expect(destination == flow.original.destination)
        let replySource = oracle.address(family, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC)
        let replyDestination = oracle.address(family, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST)
        #expect(replySource == flow.reply.source)
        #expect(replyDestination == flow.reply.destination)
        if flow.original.protocol.isICMP {
            let keys = (oracle.key(ATTR_ICMP_ID), oracle.uint8(ATTR_ICMP_TYPE), oracle.uint8(ATTR_ICMP_CODE))
            #expect(keys.0 == flow.original.sourceKey)
            #expect(keys.1 == UInt8(flow.original.destinationKey >> 8))
            #expect(keys.2 == UInt8(flow.original.destinationKey & 0xff))
        } else {
            let keys = (
                oracle.key(ATTR_ORIG_PORT_SRC), oracle.key(ATTR_ORIG_PORT_DST), oracle.key(ATTR_REPL_PORT_SRC),
                oracle.key(ATTR_REPL_PORT_DST)
            )
            #expect(keys.0 ?? 0 == flow.original.sourceKey)
            #expect(keys.1 ?? 0 == flow.original.destinationKey)
            #expect(keys.2 ?? 0 == flow.reply.sourceKey)
            #expect(keys.3 ?? 0 == flow.reply.destinationKey)
        }
        let zones = (oracle.uint16(ATTR_ZONE), oracle.uint16(ATTR_ORIG_ZONE), oracle.uint16(ATTR_REPL_ZONE))
        #expect(zones.0 ?? zones.1 ?? 0 == flow.original.zone)
        #expect(zones.0 ?? zones.2 ?? 0 == flow.reply.zone)
    }

    @Test(arguments: GoldenMessage.all)
    func `status, timeout, mark and TCP agree with libnetfilter_conntrack`(golden: GoldenMessage) throws {
        let event = try parse(golden.bytes, isDumped: golden.isDumped)
        let flow = event.flow
        guard let oracle = OracleFlow(golden.bytes) else {
            Issue.record("libnetfilter_conntrack refuses it")
            return
        }
        let numbers = (oracle.uint32(ATTR_STATUS), oracle.uint32(ATTR_TIMEOUT), oracle.uint32(ATTR_MARK))
        #expect(numbers.0 == (event.attributes.contains(.status) ? flow.status.rawValue : nil))
        #expect(numbers.1 == (event.attributes.contains(.timeout) ? flow.timeout : nil))
        #expect(numbers.2 == (event.attributes.contains(.mark) ? flow.mark : nil))
        let state = oracle.uint8(ATTR_TCP_STATE)
        #expect(state == (event.attributes.contains(.protocolState) ? flow.tcp?.state.rawValue : nil))
        let hasDetails = event.attributes.contains(.protocolDetails)
        let scales = (oracle.uint8(ATTR_TCP_WSCALE_ORIG), oracle.uint8(ATTR_TCP_WSCALE_REPL))
        #expect(scales.0 == (hasDetails ? flow.tcp?.originalScale : nil))
        #expect(scales.1 == (hasDetails ? flow.tcp?.replyScale : nil))
        // Bits beside these four are about packets under way and are not kept.
        let named = TCPFlags.replicated.union(.beLiberal).rawValue
        let flags = (oracle.uint8(ATTR_TCP_FLAGS_ORIG), oracle.uint8(ATTR_TCP_FLAGS_REPL))
        #expect(flags.0.map { $0 & named } == (hasDetails ? flow.tcp?.originalFlags.rawValue : nil))
        #expect(flags.1.map { $0 & named } == (hasDetails ? flow.tcp?.replyFlags.rawValue : nil))
    }

    @Test(arguments: GoldenMessage.all)
    func `the master agrees with libnetfilter_conntrack`(golden: GoldenMessage) throws {
        let event = try parse(golden.bytes, isDumped: golden.isDumped)
        guard let oracle = OracleFlow(golden.bytes) else {
            Issue.record("libnetfilter_conntrack refuses it")
            return
        }
        let family = event.flow.original.family
        let source = oracle.address(family, ATTR_MASTER_IPV4_SRC, ATTR_MASTER_IPV6_SRC)
        let destination = oracle.address(family, ATTR_MASTER_IPV4_DST, ATTR_MASTER_IPV6_DST)
        let rest = (
            oracle.uint8(ATTR_MASTER_L4PROTO), oracle.key(ATTR_MASTER_PORT_SRC), oracle.key(ATTR_MASTER_PORT_DST)
        )
        #expect(source == event.flow.master?.source)
        #expect(destination == event.flow.master?.destination)
        #expect(rest.0 == event.flow.master?.protocol.rawValue)
        #expect(rest.1 == event.flow.master?.sourceKey)
        #expect(rest.2 == event.flow.master?.destinationKey)
        #expect(event.attributes.contains(.master) == (event.flow.master != nil))
    }
}
