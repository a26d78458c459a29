import Configuration
import Testing

@Suite struct GrammarTests {
    @Test(arguments: [
        "interface sync0 { peer 10.99.0.2; port 4000 }",
        "interface sync0 { peer 10.99.0.2\nport 4000 }",
        "interface sync0\n{\n\tpeer 10.99.0.2;\n\tport 4000;\n}\n",
        "interface sync0 {peer 10.99.0.2;port 4000}",
        "interface 'sync0' { peer \"10.99.0.2\"\r\n port '4000' }\r\n",
        "# a comment { ; }\ninterface sync0 { # } here\n peer 10.99.0.2 /* and\n over lines */\n port 4000 }",
        "interface sync0 { port 4000; peer 10.99.0.2 };;\n;",
        "\u{feff}interface sync0 { port 4000#4001\n peer 10.99.0.2 }",
    ])
    func `the same link in many hands`(text: String) throws {
        let reading = read(text + "\nvrrp { sync-group syncgrp }")
        #expect(reading.problems == [])
        let link = try #require(reading.configuration?.links.first)
        #expect(link.interface == "sync0" && link.port == 4000)
        #expect(link.destination == .unicast(peers: [try #require(HostAddress(parsing: "10.99.0.2"))]))
    }

    @Test func `a comment begins where a word could begin, so a glob is a word`() {
        let reading = read(
            least + "include /etc/parts/*.conf", beside: ["/etc/parts/a.conf": "node-name left", "/etc/parts/b": "x"])
        #expect(reading.problems == [])
        #expect(reading.configuration?.nodeName == "left")
    }

    @Test func `an include stands for the statements of its file, in any block`() throws {
        let reading = read(
            "interface sync0 { include peer.conf }\nvrrp { sync-group g }", beside: ["/peer.conf": "peer 10.99.0.2"])
        #expect(reading.problems == [])
        #expect(
            reading.configuration?.links.first?.destination
                == .unicast(peers: [try #require(HostAddress(parsing: "10.99.0.2"))]))
    }

    @Test func `drop-ins beside the file are read after it`() {
        let reading = read(least, beside: ["/conf.d/10-name.conf": "node-name left", "/conf.d/notes.txt": "garbage"])
        #expect(reading.problems == [])
        #expect(reading.configuration?.nodeName == "left")
    }

    @Test func `quotes keep what would end a word`() {
        let reading = read(least + #"control-socket "/run/a b;{}#\"\\c""#)
        #expect(reading.problems == [])
        #expect(reading.configuration?.controlSocket == #"/run/a b;{}#"\c"#)
    }

    /// What is wrong with the text of each line, where, and what helps.
    @Test(arguments: [
        ("interface sync0 {\n  peer 10.99.0.2\n", "1:17: error: this { is never closed; close it with }"),
        ("  }", "1:3: error: this } closes nothing; remove it, or add the { that it belongs to"),
        ("{ port 1 }", "1:1: error: a block without a name; write the name before the {"),
        ("node-name \"left", "1:11: error: this quote is never closed; close it with \" on the same line"),
        ("/* no end", "1:1: error: this comment is never closed; close it with */"),
        ("node-name a\u{1}b", "1:11: error: a control character in a word; remove it"),
        ("include", "1:1: error: include needs one path; write `include PATH`"),
        ("include nowhere", "1:9: error: nowhere does not exist; create it, or name another file"),
        ("include /r1.conf", "1:9: error: /r1.conf includes itself; remove one of the includes"),
        (
            "node-name " + String(repeating: "x", count: 1025),
            "1:11: error: a word of 1025 bytes; at most 1024 fit"
        ),
        (
            String(repeating: "a {", count: 17) + String(repeating: "}", count: 17),
            "1:51: error: blocks are nested deeper than 16; the rest of this file was not read"
        ),
    ])
    func `broken text is named with its place`(text: String, expected: String) {
        let reading = read(least.replacing("\n", with: ";") + "\n" + text)
        let shifted = shift(expected, lines: 1)
        #expect(reading.errors.map(\.description).contains("/r1.conf:" + shifted))
        #expect(reading.configuration == nil)
    }

    private func shift(_ expected: String, lines: Int) -> String {
        let parts = expected.split(separator: ":", maxSplits: 1)
        return "\((Int(parts[0]) ?? 0) + lines):\(parts[1])"
    }

    @Test func `a loop over several files is refused at the include that closes it`() {
        let reading = read(
            least + "include a.conf", beside: ["/a.conf": "# one\ninclude b.conf", "/b.conf": "\n\n  include a.conf"])
        #expect(
            reading.errors.map(\.description)
                == ["/b.conf:3:11: error: /a.conf includes itself; remove one of the includes"])
    }

    @Test func `columns count characters, and bytes that are not UTF-8 are refused`() {
        struct Raw: ConfigurationLoader {
            func files(
                matching pattern: String, includedFrom includer: String?
            ) throws(ConfigurationLoadError) -> [ConfigurationFile] {
                includer == nil
                    ? [ConfigurationFile(path: pattern, bytes: Array("vrrp { sync-group ü } \"".utf8) + [0xff, 0x22])]
                    : []
            }
        }
        let reading = AgentConfiguration.read(path: "/raw", hostName: "r1", loader: Raw())
        let problem = reading.errors.first { $0.what.contains("UTF-8") }
        #expect(problem?.position == FilePosition("/raw", 1, 23))
    }

    @Test func `too large and too many files are refused`() {
        let large = read(least + String(repeating: " ", count: ConfigurationLimit.fileBytes))
        #expect(large.errors.map(\.what) == ["/r1.conf is larger than 1048576 bytes"])
        let many = read(least + String(repeating: "include e.conf\n", count: 64), beside: ["/e.conf": ""])
        #expect(many.errors.map(\.what) == ["more than 64 files"])
    }

    @Test func `a missing file is the only problem`() {
        let reading = AgentConfiguration.read(path: "/none", hostName: "r1", loader: MemoryLoader(files: [:]))
        #expect(
            reading.problems.map(\.description)
                == ["/none:1:1: error: /none does not exist; create it, or name another file"])
    }

    @Test func `no text makes the reader trap`() {
        let pieces = [
            "{", "}", ";", "\n", "\"", "'", "#", "/*", "*/", "\\", " ", "interface", "sync0", "peer", "10.99.0.2",
            "port",
            "include", "vrrp", "sync-group", "service", "conntrack-sync", "group", "g", "mark", "1/2", "\u{0}", "ü",
            "%",
        ]
        var state: UInt64 = 41
        for round in 0..<2_000 {
            var text = ""
            for _ in 0..<30 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int(state >> 33) % pieces.count] + (state & 1 == 0 ? " " : "")
            }
            let reading = read(text)
            #expect(reading.configuration == nil || reading.errors.isEmpty, "round \(round)")
        }
    }
}
