#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "Random, truncated, foreign and oversized datagrams on the link are counted by reason and harm nothing."

pair_create
pair_start_both
put_flows r1 1 100
within 5 "100 flows on the peer" external_is r2 100
# Another host on the link, which is no peer.
ip -n "$(lab_ns r2)" address add 10.99.0.77/24 dev sync0

unharmed() {
    kill -0 "$(<"$LAB_DIR/r1/agent.pid")" || fail "the agent of r1 ended after $1"
    lab_agent r1 status >/dev/null || fail "the agent of r1 does not answer after $1"
    [[ $(role_of r1) == master ]] || fail "r1 is $(role_of r1) after $1"
    internal_is r1 100 || fail "r1 holds $(internal_of r1) of 100 flows after $1"
    [[ $(kernel_count r1) == 100 ]] || fail "the kernel of r1 holds $(kernel_count r1) of 100 flows after $1"
}
counts() {
    local sum=0 name
    for name in "$@"; do sum=$((sum + $(counter_of r1 "$name"))); done
    echo "$sum"
}
# Sends datagrams and expects them to be counted under one of these names: counted KIND SOURCE COUNT NAME...
counted() {
    local kind=$1 source=$2 count=$3 before after
    shift 3
    before=$(counts "$@")
    # The peer's own agent has the port: the sender takes another one.
    probe r2 datagrams "$source" 10.99.0.1 3780 "$kind" "$count" 7
    sleep 0.3
    after=$(counts "$@")
    ((after - before >= count)) || fail "$((after - before)) of $count datagrams ($kind, from $source) are counted: $*"
    note "$kind from $source: $((after - before)) counted"
    unharmed "$kind from $source"
}

note "from a host that is no peer"
for kind in random truncated version messages; do counted $kind 10.99.0.77 200 link_unknown_source; done
pair_in_sync || fail "no longer in sync"

note "from the peer's address, the peer's agent beside it"
all_reasons=(datagram_truncated datagram_foreign datagram_version datagram_flags datagram_key datagram_jump
    datagram_own datagram_old_incarnation datagram_beyond_peers)
counted random 10.99.0.2 500 "${all_reasons[@]}"
counted truncated 10.99.0.2 500 "${all_reasons[@]}"
counted version 10.99.0.2 100 datagram_version
counted messages 10.99.0.2 300 datagram_beyond_peers
counted oversized 10.99.0.2 20 link_too_long_to_receive
within 15 "both agents in sync" pair_in_sync

note "from the peer's address, its agent dead: what claims to be a new peer may speak, and still harms nothing"
lab_stop r2 agent KILL
sleep 4
probe r2 datagrams 10.99.0.2 10.99.0.1 3780 messages 500 11
unharmed "messages of a false peer"
pair_start r2
ends_with 0 lab_agent r2 role backup
within 30 "both agents in sync again" pair_in_sync
within 10 "r2 holds all again" external_is r2 100
