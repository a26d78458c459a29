import ControlProtocol
import FoundationEssentials
import Testing

@Suite struct ReportJSONTests {
    private func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    @Test func `status has its stable keys, and with one group the role at the top`() throws {
        let expected = """
            {"caches":{"external":{"expectations":0,"flows":0},"internal":{"expectations":3,"flows":413180}},\
            "counters":{"kernel_overruns":1200,"queue_full":0,"wire_lost":3},\
            "groups":[{"name":"syncgrp","readiness":"master","role":"master","since":"2026-11-18T11:06:40.000Z",\
            "source":"notify","term":41}],\
            "hold":{"held":1234,"state":"open"},\
            "kernel":{"entries":413202,"limit":1048576},\
            "last_takeover":{"at":"2026-11-18T11:06:40.380Z","failed":0,"flows":412031,"reason":"promoted by notify",\
            "seconds":0.380999999},\
            "links":[{"active":true,"carrier":true,"mode":"unicast","name":"sync0","obstacle":null,"there":true}],\
            "node":"r1",\
            "peers":[{"address":"10.99.0.2",\
            "digest":{"equal_at":"2026-11-21T11:20:00.000Z","local":"0123456789abcdef","remote":"0123456789abcdef",\
            "version":88120331},\
            "in_sync":true,"lag_ms":2,"last_heard_ms":120,"link":"sync0","name":"r2",\
            "roles":[{"group":"syncgrp","role":"backup"}],"unacknowledged":0}],\
            "reasons":[],"role":"master","schema":1,"since":"2026-11-18T11:06:40.000Z","source":"notify",\
            "standby":"cold","term":41,"verdict":"ok"}
            """
        #expect(try json(Sample.status) == expected)
    }

    @Test func `what is unknown is null and never absent`() throws {
        var report = Sample.young
        report.reasons = [.init("no peer", remedy: "look at the link")]
        report.groups = [.init(name: "a", role: .starting), .init(name: "b", role: .takingOver)]
        report.peers = [.init(name: nil, address: "10.99.0.2")]
        let expected = """
            {"caches":{"external":{"expectations":null,"flows":0},"internal":{"expectations":null,"flows":0}},\
            "counters":{},\
            "groups":[{"name":"a","readiness":null,"role":"starting","since":null,"source":"none","term":null},\
            {"name":"b","readiness":null,"role":"taking-over","since":null,"source":"none","term":null}],\
            "hold":{"held":0,"state":"off"},\
            "kernel":{"entries":null,"limit":null},"last_takeover":null,"links":[],"node":"r1",\
            "peers":[{"address":"10.99.0.2",\
            "digest":{"equal_at":null,"local":null,"remote":null,"version":null},\
            "in_sync":null,"lag_ms":null,"last_heard_ms":null,"link":null,\
            "name":null,"roles":[],"unacknowledged":null}],\
            "reasons":["no peer; look at the link"],"schema":1,"standby":"cold","verdict":"critical"}
            """
        #expect(try json(report) == expected)
    }

    @Test func `statistics in JSON`() throws {
        let expected = """
            {"caches":{\
            "external":{"created":1660193,"created_failed":123456789012,"current":15771,"destroyed":1644422,\
            "destroyed_failed":0,"updated":77204,"updated_failed":0},\
            "internal":{"created":6298470,"created_failed":0,"current":19606,"destroyed":6278864,\
            "destroyed_failed":0,"updated":3786793,"updated_failed":1}},\
            "counters":{"bad_magic":2,"wire_lost":263},\
            "links":[{"active":true,"bytes_received":212898000,"bytes_sent":976826240,"device":"sync0",\
            "errors_received":7,"errors_sent":0,"mode":"multicast","packets_received":2009929,"packets_sent":8302333}],\
            "messages":{"lost":263,"malformed":2},"schema":1,"traffic":{"bytes":0,"packets":0}}
            """
        #expect(try json(Sample.statistics) == expected)
    }

    @Test(arguments: [
        (
            Sample.tcp,
            """
            {"age_ms":1500,"family":"ipv4","helper":null,"id":1015736576,"labels":[],"mark":7,"master":null,\
            "original":{"destination":"198.51.100.12","destination_port":22,"source":"192.168.10.87",\
            "source_port":58172,"zone":0},"protocol":"tcp",\
            "reply":{"destination":"203.0.113.1","destination_port":40001,"source":"198.51.100.12",\
            "source_port":22,"zone":0},"sequence_adjustment":null,"state":"ESTABLISHED",\
            "state_details":{"original_flags":["window_scale","sack_permitted"],"original_scale":7,\
            "reply_flags":["window_scale"],"reply_scale":9},\
            "status":["seen_reply","assured","confirmed","source_nat","source_nat_done"],"synproxy":null,\
            "timeout":430279}
            """
        ),
        (
            Sample.ping,
            """
            {"age_ms":null,"family":"ipv6","helper":null,"id":null,"labels":[],"mark":0,"master":null,\
            "original":{"destination":"2001:db8::2","icmp_code":0,"icmp_id":77,"icmp_type":128,\
            "source":"2001:db8::1","zone":5},"protocol":"icmpv6",\
            "reply":{"destination":"2001:db8::1","icmp_code":0,"icmp_id":77,"icmp_type":129,\
            "source":"2001:db8::2","zone":5},"sequence_adjustment":null,"state":null,"state_details":null,\
            "status":["seen_reply","confirmed"],"synproxy":null,"timeout":29}
            """
        ),
    ])
    func `a flow in JSON`(line: FlowLine, expected: String) throws {
        #expect(try json(line) == expected)
    }

    /// The keys of what few flows have, in a listing of one flow.
    @Test(arguments: [
        (
            Sample.proxied,
            [
                #""helper":"ftp""#, #""labels":[1,3,127]"#,
                #""sequence_adjustment":{"original":{"after":7,"before":-5,"position":4000000000},"#,
                #""reply":{"after":0,"before":0,"position":0}}"#,
                #""synproxy":{"initial_sequence":1,"initial_timestamp":2,"timestamp_offset":4294967295}"#,
            ]
        ),
        (
            Sample.association,
            [#""state":"ESTABLISHED""#, #""state_details":{"original_tag":4294967295,"reply_tag":3}"#]
        ),
        (
            Sample.datagrams,
            [
                #""state":"OPEN""#,
                #""state_details":{"handshake_sequence":281474976710655,"original_is_server":true}"#,
            ]
        ),
        (
            Sample.child,
            [
                #""master":{"destination":"198.51.100.12","destination_port":22,"protocol":"tcp","#
                    + #""source":"192.168.10.87","source_port":58172,"zone":0}"#
            ]
        ),
    ])
    func `a flow in JSON shows what few flows have`(line: FlowLine, parts: [String]) throws {
        let text = try json(line)
        for part in parts { #expect(text.contains(part)) }
    }

    @Test(arguments: [
        (
            Sample.expected,
            """
            {"age_ms":12,"expected":{"destination":"192.168.10.87","destination_port":50000,\
            "source":"198.51.100.12","source_port":0,"zone":0},"family":"ipv4","flags":["permanent"],\
            "function":"nat-follow-master","helper":"ftp",\
            "master":{"destination":"198.51.100.12","destination_port":22,"protocol":"tcp",\
            "source":"192.168.10.87","source_port":58172,"zone":0},"policy":0,"protocol":"tcp",\
            "source_key_mask":0,"source_mask":"255.255.255.255","timeout":299,\
            "translation":{"address":"203.0.113.1","direction":"reply","key":50001}}
            """
        ),
        (
            Sample.bareExpected,
            """
            {"age_ms":null,"expected":{"destination":"2001:db8::2","destination_port":5060,\
            "source":"::","source_port":0,"zone":5},"family":"ipv6","flags":[],\
            "function":null,"helper":null,\
            "master":{"destination":"2001:db8::2","icmp_code":0,"icmp_id":77,"icmp_type":128,"protocol":"icmpv6",\
            "source":"2001:db8::1","zone":5},"policy":0,"protocol":"udp",\
            "source_key_mask":65535,"source_mask":"::","timeout":0,"translation":null}
            """
        ),
    ])
    func `an expectation in JSON`(line: ExpectationLine, expected: String) throws {
        #expect(try json(line) == expected)
    }
}
