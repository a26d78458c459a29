#!/usr/bin/env bash
# shellcheck disable=SC2034 # topology.sh uses them
LAB_IPV6=1 LAB_PROTOCOLS=all LAB_AGENT_CONFIG="expect-sync all"
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "After a takeover the peer's kernel holds every kind of flow as the master's did, attribute by attribute."

page=$root/Sources/Engine/Engine.docc/Fidelity.md

# No keepalived here: roles are ordered, and r1 has the virtual addresses. Clients and servers are addresses behind the
# two hosts that nobody has, so that nobody but the table's own packets answers.
make_routes() {
    local node
    ip -n "$(lab_ns r1)" address add 192.168.10.1/24 dev lan0
    ip -n "$(lab_ns r1)" address add 203.0.113.1/24 dev wan0
    ip -n "$(lab_ns r1)" address add fd00:10::1/64 dev lan0 nodad
    ip -n "$(lab_ns r1)" address add fd00:203::1/64 dev wan0 nodad
    ip -n "$(lab_ns wan)" route add 192.168.0.0/16 via 203.0.113.1
    ip -n "$(lab_ns wan)" route add default via fd00:203::1
    for node in r1 r2; do
        ip -n "$(lab_ns $node)" route add 192.168.20.0/23 via 192.168.10.10
        ip -n "$(lab_ns $node)" route add 198.51.100.0/24 via 203.0.113.10
        ip -n "$(lab_ns $node)" route add 192.0.2.0/24 via 203.0.113.10
        ip -n "$(lab_ns $node)" route add fd00:20::/64 via fd00:10::10
        ip -n "$(lab_ns $node)" route add fd00:21::/64 via fd00:10::10
        ip -n "$(lab_ns $node)" route add 2001:db8::/32 via fd00:203::10
        lab_in $node nft flush ruleset
        "$LAB_BIN/lab" fidelity --ruleset | lab_in $node nft -f -
        # Some states last less than a second, and checksums of UDP-Lite are checked as if it were UDP
        # (nf_conntrack_proto_udp.c, udplite_error).
        lab_in $node sysctl -qw net.netfilter.nf_conntrack_sctp_timeout_closed=60 \
            net.netfilter.nf_conntrack_sctp_timeout_shutdown_sent=60 net.netfilter.nf_conntrack_checksum=0
    done
}

# The first columns of a table: what flow, and what becomes of it.
verdicts() { grep '^| [^-]' | cut -d '|' -f 2-7 | grep -v '^ flow '; }

lab_both_in_sync() { lab_in_sync r1 && lab_in_sync r2; }

lab_create
make_routes
for node in r1 r2; do lab_start_agent $node; done
lab_agent r1 role master >/dev/null
lab_agent r2 role backup >/dev/null
within 20 "the pair is in sync" lab_both_in_sync
note "making every kind of flow"
status=0
"$LAB_BIN/lab" fidelity --directory "$LAB_DIR" --agent "$LAB_BIN/ctsync-ha" >"$LAB_DIR/table" || status=$?
cat "$LAB_DIR/table"
diff --label "the page" --label "this run" -U 0 <(verdicts <"$page") <(verdicts <"$LAB_DIR/table") ||
    fail "not every flow survived as the page says"
((status == 0)) || fail "not every flow survived as it was"
note "every row as the page says"
