internal import Conntrack

/// The ruleset of both routers, in nftables' words: what each row of the table asks for, and the rows' translation.
enum FidelityRuleset {
    /// The protocols whose ports, or ids, SNAT chooses anew.
    private static let translated = ["tcp", "udp", "udplite", "sctp"]

    /// The text for `nft -f`.
    static var text: String {
        """
        table inet fidelity {
            ct helper ftp-control { type "ftp" protocol tcp; }
            ct helper tftp-request { type "tftp" protocol udp; }
            counter invalid { }
            chain raw {
                type filter hook prerouting priority raw; policy accept;
                ip daddr 203.0.113.10 tcp dport 7443 tcp flags & (fin|syn|rst|ack) == syn notrack
        \(lines(raw))
            }
            chain attach {
                type filter hook prerouting priority mangle; policy accept;
                tcp dport 21 ct helper set "ftp-control"
                udp dport 69 ct helper set "tftp-request"
            }
            chain prerouting {
                type nat hook prerouting priority dstnat; policy accept;
        \(lines(translation("ip daddr 192.0.2.0/24", "dnat ip to 198.51.100.10", port: ":8080", echo: nil)))
        \(lines(translation("ip6 daddr 2001:db8:2::/64", "dnat ip6 to [2001:db8:51::10]", port: ":8080", echo: nil)))
            }
            chain postrouting {
                type nat hook postrouting priority srcnat; policy accept;
        \(lines(translation("ip saddr 192.168.21.0/24", "snat ip to 203.0.113.1", port: ports, echo: "icmp")))
        \(lines(translation("ip6 saddr fd00:21::/64", "snat ip6 to [fd00:203::1]", port: ports, echo: "icmpv6")))
            }
            chain forward {
                type filter hook forward priority filter; policy accept;
                tcp dport 7443 ct state invalid,untracked synproxy mss 1460 wscale 9 timestamp sack-perm
                ct state invalid counter name invalid drop
        \(lines(forward))
            }
            chain input {
                type filter hook input priority filter; policy accept;
                ct state established,related accept
            }
        }
        """
    }

    private static let ports = ":40000-49999"

    private static func lines(_ rules: [String]) -> String {
        rules.map { "        " + $0 }.joined(separator: "\n")
    }

    /// A zone is asked of the packets of both directions: without it an answer is not found.
    private static var raw: [String] {
        FidelityTable.rows.filter { !$0.rawRule.isEmpty }.flatMap { row in
            [row.client, row.target].map { "\(network(row)) saddr \($0) \(row.rawRule)" }
        }
    }

    private static var forward: [String] {
        FidelityTable.rows.filter { !$0.forwardRule.isEmpty }.map { row in
            "\(network(row)) saddr \(row.client) \(row.forwardRule)"
        }
    }

    private static func network(_ row: FidelityRow) -> String { row.family == .ipv4 ? "ip" : "ip6" }

    private static func translation(_ match: String, _ verdict: String, port: String, echo: String?) -> [String] {
        (translated + [echo].compactMap { $0 }).map { "\(match) meta l4proto \($0) \(verdict)\(port)" }
            + ["\(match) \(verdict.replacing("[", with: "").replacing("]", with: ""))"]
    }
}
