import Configuration
import Testing

/// Several links, several peers, and whose a listen-address is.
@Suite struct LinkTests {
    /// The links of a text that is valid without a warning, each as one line.
    private func links(_ text: String) -> [String] {
        let reading = read(text + "\nvrrp { sync-group g }")
        #expect(reading.problems == [])
        return (reading.configuration?.links ?? []).map { link in
            let destination =
                switch link.destination {
                case .multicast(let group): "group \(group)"
                case .unicast(let peers): "peers \(peers.map(\.description).joined(separator: " "))"
                }
            let own = link.listenAddresses.map(\.description).joined(separator: " ")
            return "\(link.interface) \(destination) port \(link.port)\(own.isEmpty ? "" : " on \(own)")"
        }
    }

    @Test func `each interface is a link, in their order`() {
        #expect(
            links("interface b; interface a { peer 10.99.0.2; port 4000 }\ninterface c { peer 2001:db8::2 }")
                == ["b group 225.0.0.50 port 3780", "a peers 10.99.0.2 port 4000", "c peers 2001:db8::2 port 3780"])
    }

    @Test(arguments: [
        "peer 10.99.0.2; peer 10.99.0.3; peer 10.99.0.4", "peer 10.99.0.2,10.99.0.3,10.99.0.4",
        "peer 10.99.0.2 10.99.0.3\npeer 10.99.0.4",
    ])
    func `a link has several peers`(inside: String) {
        #expect(links("interface a { \(inside) }") == ["a peers 10.99.0.2 10.99.0.3 10.99.0.4 port 3780"])
    }

    @Test func `one group is every multicast link's`() {
        #expect(
            links("interface a; interface b { port 4000 } interface c { peer 10.99.0.2 }\nmcast-group ff02::50")
                == ["a group ff02::50 port 3780", "b group ff02::50 port 4000", "c peers 10.99.0.2 port 3780"])
    }

    @Test func `a listen-address at the top is the only link's of its family`() {
        #expect(
            links(
                "listen-address fe80::1; listen-address 10.99.0.1\n"
                    + "interface a { peer 10.99.0.2 } interface b { peer fe80::2 }")
                == ["a peers 10.99.0.2 port 3780 on 10.99.0.1", "b peers fe80::2 port 3780 on fe80::1"])
        #expect(
            links("interface a { peer 10.99.0.2 } interface b\nmcast-group ff02::50; listen-address 10.99.0.1")
                == ["a peers 10.99.0.2 port 3780 on 10.99.0.1", "b group ff02::50 port 3780"])
    }

    @Test func `several listen-addresses are told apart by the interfaces that have them`() {
        #expect(
            links(
                "interface a { peer 10.99.0.2 } interface b { peer 10.98.0.2 }\n"
                    + "listen-address 10.98.0.1; listen-address 10.99.0.1")
                == [
                    "a peers 10.99.0.2 port 3780 on 10.98.0.1 10.99.0.1",
                    "b peers 10.98.0.2 port 3780 on 10.98.0.1 10.99.0.1",
                ])
    }

    @Test func `a listen-address in the interface's block is its own, and leaves one at the top to the others`() {
        #expect(
            links(
                "interface a { peer 10.99.0.2; listen-address 10.99.0.1 } interface b { peer 10.98.0.2 }\n"
                    + "listen-address 10.98.0.1")
                == ["a peers 10.99.0.2 port 3780 on 10.99.0.1", "b peers 10.98.0.2 port 3780 on 10.98.0.1"])
        #expect(
            links(
                "interface a { peer fe80::2; listen-address fe80::1 }\n"
                    + "interface b { peer fe80::2; listen-address fe80::1 }"
            ) == ["a peers fe80::2 port 3780 on fe80::1", "b peers fe80::2 port 3780 on fe80::1"])
    }

    @Test func `as many links and peers as there may be`() {
        let interfaces = (1...ConfigurationLimit.links).map { "interface s\($0)" }.joined(separator: "\n")
        #expect(links(interfaces).count == ConfigurationLimit.links)
        let peers = (2...ConfigurationLimit.peers + 1).map { "10.99.0.\($0)" }.joined(separator: ",")
        #expect(
            links("interface a { peer \(peers) }").first?.split(separator: " ").count == 4 + ConfigurationLimit.peers)
    }

    /// A text, and the errors that it makes, without the file's name.
    @Test(
        arguments: [
            (
                "interface a { peer 10.99.0.2 }\ninterface a { peer 10.98.0.2 }",
                [
                    "2:11: error: `a` was named already at /r1.conf:1:11; "
                        + "write all of it in one block, or name the other interface"
                ]
            ),
            (
                "interface s1\ninterface s2\ninterface s3\ninterface s4\ninterface s5\ninterface s6\ninterface s7\n"
                    + "interface s8\ninterface s9",
                ["9:11: error: more than 8 interfaces; name only those over which the nodes replicate"]
            ),
            (
                "interface a { peer 10.99.0.2; peer 10.99.0.3,10.99.0.2 }",
                ["1:46: error: 10.99.0.2 is a peer on `a` already; remove one"]
            ),
            (
                "interface a { peer 10.99.0.2,10.99.0.3,10.99.0.4,10.99.0.5,10.99.0.6,10.99.0.7,10.99.0.8\n"
                    + "peer 10.99.0.9 }",
                ["2:6: error: more than 7 peers on `a`; 8 nodes are the most: remove those that are none"]
            ),
            (
                "interface a { peer 10.99.0.2; peer 2001:db8::2 }",
                [
                    "1:36: error: 2001:db8::2 and the peer 10.99.0.2 are of different families; "
                        + "use IPv4 for both, or IPv6 for both"
                ]
            ),
            (
                "interface a { peer 10.99.0.2 } interface b { peer 10.98.0.2; peer 10.99.0.1 }\n"
                    + "listen-address 10.99.0.1\nlisten-address 10.98.0.1",
                ["1:67: error: 10.99.0.1 is this node's own listen-address; write the peer's address"]
            ),
            (
                "interface a { peer 10.99.0.2 } interface b { peer 10.98.0.2 }\nlisten-address 10.99.0.1",
                [
                    "2:16: error: nobody can tell whether 10.99.0.1 belongs to a or b; "
                        + "write it in the block of its interface, or write one for each of them"
                ]
            ),
            (
                "interface a { peer 10.99.0.2 } interface b { peer 10.98.0.2 }\n"
                    + "listen-address 10.99.0.1; listen-address 10.98.0.1; listen-address 10.97.0.1",
                [
                    "2:68: error: more listen-addresses than interfaces without one; "
                        + "one for each interface: remove one"
                ]
            ),
            (
                "interface a { peer 10.99.0.2; listen-address 10.99.0.1 }\nlisten-address 10.99.0.3",
                ["2:16: error: every interface has a listen-address of its own beside 10.99.0.3; remove one"]
            ),
            (
                "interface a { peer 10.99.0.2 } interface b { peer 10.98.0.2 }\nlisten-address fe80::1",
                [
                    "2:16: error: fe80::1 is of another family than the peers and groups of all interfaces; "
                        + "use IPv4 for both, or IPv6 for both"
                ]
            ),
            (
                "interface a { peer 10.99.0.2; listen-address fe80::1 } interface b { listen-address fe80::1 }",
                [
                    "1:46: error: fe80::1 and the peer 10.99.0.2 are of different families; "
                        + "use IPv4 for both, or IPv6 for both",
                    "1:85: error: fe80::1 and the mcast-group 225.0.0.50 are of different families; "
                        + "write an mcast-group of the same family",
                ]
            ),
            (
                "interface a { listen-address 10.99.0.1; listen-address 10.99.0.2 }",
                ["1:41: error: `listen-address` was said already at /r1.conf:1:15; remove one"]
            ),
            (
                "interface a { listen-addres 10.99.0.1 }",
                ["1:15: error: unknown word `listen-addres` in `interface`; did you mean `listen-address`?"]
            ),
            (
                "interface a { peer 0.0.0.0; listen-address :: }\nlisten-address 225.0.0.1",
                [
                    "1:20: error: 0.0.0.0 is every address; write the peer's own address",
                    "1:44: error: :: is every address; write an address of this node",
                    "2:16: error: 225.0.0.1 is a multicast address; write an address of this node",
                ]
            ),
            (
                "interface a; listen-address 10.99.0.1; listen-address 10.99.0.1",
                ["1:55: error: 10.99.0.1 was named already; remove one"]
            ),
        ] as [(String, [String])])
    func `an error names its place, what is wrong and what to do`(text: String, expected: [String]) {
        let reading = read(text + "\nvrrp { sync-group g }\n")
        #expect(reading.errors.map(\.description) == expected.map { "/r1.conf:" + $0 })
        #expect(reading.configuration == nil)
    }
}
