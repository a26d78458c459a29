#!/usr/bin/env bash
# Only on a cold standby do the flows come on top of what its table has.
# shellcheck disable=SC2034 # topology.sh uses it
LAB_STANDBY=cold
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "preflight says from either node whether a failover would be safe, and each reason has a command."

# Asks a node; the answer stays in `answer`: asked NODE.
asked() { answer=$(lab_agent "$1" preflight --json 2>/dev/null) || true; }
verdict_is() { asked "$1" && [[ $(jq -r .verdict <<<"$answer") == "$2" ]]; }
# Whether a node's answer has a reason of a check, with this severity: tells NODE SEVERITY CHECK.
tells() {
    asked "$1"
    jq -e --arg severity "$2" --arg check "$3" \
        '.verdict == $severity and any(.reasons[]; .check == $check and .severity == $severity)' <<<"$answer" >/dev/null
}

# Waits until both nodes tell of something, and fails the test unless the screen says so with this exit code, reason
# and command: both_tell SECONDS CODE SEVERITY CHECK REASON COMMAND.
both_tell() {
    local node
    for node in r1 r2; do
        within "$1" "preflight on $node finds: $4" tells "$node" "$3" "$4"
        node_tells "$node" "$2" "$5" "$6"
    done
}
node_tells() {
    ends_with "$2" lab_agent "$1" preflight
    # Long rows go on below.
    local flat
    flat=$(tr -s '[:space:]' ' ' <<<"$printed")
    says "$3" "$flat"
    says "$4" "$flat"
    [[ -z $(awk 'length > 80' <<<"$printed") ]] || fail "a row of preflight is longer than 80 columns: $printed"
}

# Shows what was printed last.
show() { while IFS= read -r row; do echo "    $row"; done <<<"$printed"; }

both_are_safe() {
    local node
    for node in r1 r2; do
        within 20 "a safe failover by $node" verdict_is "$node" safe
        ends_with 0 lab_agent "$node" preflight
        says "^ctsync-ha  SAFE  a failover now loses no connection  .*$node\$" "$printed"
    done
}

pair_create
note "without an agent, and wrong usage"
ends_with 3 lab_agent r1 preflight
says "the agent is not running"
ends_with 64 "$LAB_BIN/ctsync-ha" preflight --no-such

note "alone: no peer"
pair_start r1
ends_with 0 lab_agent r1 role master
node_tells r1 2 "no peer has been heard on sync0" "ip -s link show dev sync0"

note "a pair that is well"
pair_start r2
ends_with 0 lab_agent r2 role backup
within 15 "both agents in sync" pair_in_sync
put_flows r1 1 100
within 10 "100 flows on the backup" external_is r2 100
both_are_safe
says "failover +r1 to r2  100 flows" "$printed"
show
asked r1
[[ $(jq -r 'keys_unsorted | sort | join(" ")' <<<"$answer") == \
    "failover node passed reasons schema table unknown verdict" ]] || fail "the keys of preflight: $answer"
[[ $(jq -r '.table | keys_unsorted | sort | join(" ")' <<<"$answer") == \
    "buckets entries expected limit mean_chain node" ]] || fail "the keys of the table: $answer"
jq -e '.failover == {from: "r1", to: "r2", flows: 100} and .reasons == [] and .unknown - ["loss"] == [] and
    .table.node == "r2" and .table.expected == .table.entries + 100' <<<"$answer" >/dev/null || fail "preflight: $answer"

note "settings that differ"
lab_in r2 sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1
both_tell 20 1 doubtful sysctls "DOUBTFUL .*nf_conntrack_tcp_loose is 0 on r1 and 1 on r2" \
    "sysctl -w net.netfilter.nf_conntrack_tcp_loose=0"
show
lab_in r2 sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
both_are_safe
lab_in r2 sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=600
both_tell 20 1 doubtful timeouts "tcp_timeout_established is [0-9]* s on r1 and 600 s on r2" \
    "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established="
lab_in r2 sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=432000
lab_in r2 sysctl -qw net.netfilter.nf_conntrack_events=2
both_tell 20 1 doubtful events "nf_conntrack_events is 2 on r2" "sysctl -w net.netfilter.nf_conntrack_events=1"
lab_in r2 sysctl -qw net.netfilter.nf_conntrack_events=1
both_are_safe

note "rules that differ"
echo 'table ip marks { chain output { type filter hook output priority mangle; ct label set 3; }; }' |
    lab_in r1 nft -f -
both_tell 20 1 doubtful labels "rules of r1 give labels, none of r2 does" "nft list ruleset"
lab_in r1 nft delete table ip marks
echo 'table ip zones { chain out { type filter hook output priority raw; udp dport 9 ct zone set 7; }; }' |
    lab_in r1 nft -f -
both_tell 20 2 unsafe zones "rules of r1 put packets into zones, those of r2 do not" "nft list ruleset"
lab_in r1 nft delete table ip zones
both_are_safe

note "no ruleset on the next master"
lab_in r2 nft flush ruleset
both_tell 20 2 unsafe tracking "UNSAFE .*no ruleset enables conntrack on r2: packets are not tracked" \
    "nft -f /etc/nftables.conf"
show
pair_ruleset | lab_in r2 nft -f -
both_are_safe

note "neither is master"
ends_with 0 lab_agent r1 role backup
both_tell 10 2 unsafe roles "neither r[12] nor r[12] is master" "systemctl status keepalived"
ends_with 0 lab_agent r1 role master
ends_with 0 lab_agent r2 role fault
both_tell 10 2 unsafe roles "r2 is in fault and cannot take over" "journalctl -u keepalived"
ends_with 0 lab_agent r2 role backup
within 15 "both agents in sync" pair_in_sync
both_are_safe

note "the link without a carrier"
ip -n "$(lab_ns r2)" link set sync0 down
within 10 "no carrier on r1" tells r1 unsafe link
node_tells r1 2 "sync0 has no carrier" "ip -s link show dev sync0"
within 10 "no interface on r2" tells r2 unsafe link
node_tells r2 2 "interface sync0 is down" "ip -s link show dev sync0"
ip -n "$(lab_ns r2)" link set sync0 up
within 15 "both agents in sync" pair_in_sync
both_are_safe

note "the agent of the next master is stopped"
kill -STOP "$(<"$LAB_DIR/r2/agent.pid")"
within 10 "r2 is silent" tells r1 unsafe peer
node_tells r1 2 "r2 is silent for [0-9]* s" "on r2: systemctl status ctsync-ha"
kill -CONT "$(<"$LAB_DIR/r2/agent.pid")"
within 15 "both agents in sync" pair_in_sync
both_are_safe

note "a lossy link: one datagram in five does not arrive at r2"
echo 'table ip lossy { chain in { type filter hook input priority -10; udp dport 3780 numgen random mod 5 == 0 drop; }; }' |
    lab_in r2 nft -f -
both_tell 60 1 doubtful loss "[0-9.]+ % of the datagrams from r1 to r2 are lost" "ip -s link show dev sync0"
show
lab_in r2 nft delete table ip lossy

note "the agent of the next master ends"
kill -TERM "$(<"$LAB_DIR/r2/agent.pid")"
pair_ends r2 0
within 10 "r2 has left" tells r1 unsafe peer
node_tells r1 2 "the agent of r2 has ended" "on r2: systemctl start ctsync-ha"
show
