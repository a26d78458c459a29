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
            "kernel":{"entries":413202,"limit":1048576},\
            "last_takeover":{"at":"2026-11-18T11:06:40.380Z","failed":0,"flows":412031,"reason":"promoted by notify",\
            "seconds":0.380999999},\
            "node":"r1",\
            "peers":[{"address":"10.99.0.2",\
            "digest":{"equal_at":"2026-11-21T11:20:00.000Z","local":"0123456789abcdef","remote":"0123456789abcdef",\
            "version":88120331},\
            "in_sync":true,"lag_ms":2,"last_heard_ms":120,"name":"r2",\
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
            "kernel":{"entries":null,"limit":null},"last_takeover":null,"node":"r1",\
            "peers":[{"address":"10.99.0.2",\
            "digest":{"equal_at":null,"local":null,"remote":null,"version":null},\
            "in_sync":null,"lag_ms":null,"last_heard_ms":null,"name":null,"roles":[],"unacknowledged":null}],\
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
            {"age_ms":1500,"family":"ipv4","id":1015736576,"mark":7,"master":null,\
            "original":{"destination":"198.51.100.12","destination_port":22,"source":"192.168.10.87",\
            "source_port":58172,"zone":0},"protocol":"tcp",\
            "reply":{"destination":"203.0.113.1","destination_port":40001,"source":"198.51.100.12",\
            "source_port":22,"zone":0},"state":"ESTABLISHED",\
            "status":["seen_reply","assured","confirmed","source_nat","source_nat_done"],"timeout":430279}
            """
        ),
        (
            Sample.ping,
            """
            {"age_ms":null,"family":"ipv6","id":null,"mark":0,"master":null,\
            "original":{"destination":"2001:db8::2","icmp_code":0,"icmp_id":77,"icmp_type":128,\
            "source":"2001:db8::1","zone":5},"protocol":"icmpv6",\
            "reply":{"destination":"2001:db8::1","icmp_code":0,"icmp_id":77,"icmp_type":129,\
            "source":"2001:db8::2","zone":5},"state":null,"status":["seen_reply","confirmed"],"timeout":29}
            """
        ),
    ])
    func `a flow in JSON`(line: FlowLine, expected: String) throws {
        #expect(try json(line) == expected)
    }
}
