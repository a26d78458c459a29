# shellcheck shell=bash
# Routers that accept only what their conntrack knows, for tests whose flows must be in the new master's kernel as they
# were. Sourced after failover.sh.

# What is not known is dropped and counted first. New flows come from lan only, and none once the door is closed.
# keepalived moves the addresses before it tells anyone: packets that race the commit are kept out by a chain of the lab's
# own. Unlike the agent's hold it stands before connection tracking: a packet that is dropped later has used the
# expectation that it met up.
lab_ruleset() {
    cat <<'RULES'
table inet lab {
    ct helper ftp-control { type "ftp" protocol tcp; }
    ct helper tftp-request { type "tftp" protocol udp; }
    counter invalid { }
    chain attach {
        type filter hook prerouting priority mangle; policy accept;
        tcp dport 21 ct helper set "ftp-control"
        udp dport 69 ct helper set "tftp-request"
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan0" ip saddr 192.168.10.0/24 snat ip to 203.0.113.1
        oifname "wan0" ip6 saddr fd00:10::/64 snat ip6 to fd00:203::1
    }
    chain hold { }
    chain raw {
        type filter hook prerouting priority raw; policy accept;
        meta l4proto vrrp accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
        iifname { "lan0", "wan0" } jump hold
    }
    chain setup { iifname "lan0" ct state new accept; }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state invalid counter name invalid drop
        ct state established,related accept
        jump setup
    }
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iifname "lo" accept
        meta l4proto { icmp, icmpv6, vrrp } accept
        iifname "sync0" udp dport 3780 accept
    }
}
RULES
}

# From here on both routers accept only established and related flows.
close_door() {
    local node
    for node in r1 r2; do lab_in $node nft flush chain inet lab setup; done
}

hold() { lab_in "$1" nft add rule inet lab hold drop; }

# Lets packets through once the agent has taken over, in the background.
open_when_master() {
    (lab_wait 30 "$1 to be master" lab_role_is "$1" master && lab_in "$1" nft flush chain inet lab hold) &
}

# As fail_over, with the hold: hand_over MASTER.
hand_over() {
    local opener
    open_when_master "$(other "$1")"
    opener=$!
    fail_over "$1"
    wait "$opener" || fail "$(other "$1") does not become master"
    hold "$1"
}

invalid() { lab_in "$1" nft list counter inet lab invalid | grep -o 'packets [0-9]*' | cut -d ' ' -f 2; }

# Fails the test if a router has dropped a packet as INVALID.
expect_none_invalid() {
    local node
    for node in r1 r2; do
        (($(invalid $node) == 0)) || fail "$(invalid $node) packets were INVALID on $node"
    done
}
