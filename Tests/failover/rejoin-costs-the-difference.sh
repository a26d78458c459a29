#!/usr/bin/env bash
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "With 200,000 flows and one datagram in ten lost both nodes prove to be equal, and a rejoin costs what differs."

flows=${REJOIN_FLOWS:-200000}
changes=500

counter() { lab_agent "$1" status --json | jq ".counters.$2"; }
sent_bytes() { lab_in "$1" cat /sys/class/net/sync0/statistics/tx_bytes; }

# Both nodes say: the same digest, compared after everything that was sent.
equal() {
    local master=$1 standby=$2
    lab_pair_ready && [[ $(digests "$master") == true && $(digests "$standby") == true ]] &&
        [[ $(external "$standby") == $(internal "$master") ]]
}
digests() { lab_agent "$1" status --json | jq '.peers[0].digest | .local != null and .local == .remote'; }
internal() { lab_agent "$1" status --json | jq .caches.internal.flows; }
external() { lab_agent "$1" status --json | jq .caches.external.flows; }

# Does something and tells what it cost until both are equal again: costs MASTER STANDBY WHAT COMMAND...; `cost` has the
# bytes that the master sent, `bulks` the bulks that it began.
costs() {
    local master=$1 standby=$2 what=$3 bytes bulks_before confirmed sent begin
    shift 3
    read -r bytes bulks_before confirmed sent < <(
        echo "$(sent_bytes "$master")" "$(counter "$master" bulks_sent)" "$(counter "$master" buckets_confirmed)" \
            "$(counter "$master" buckets_sent)"
    )
    "$@"
    begin=$(lab_now)
    within 60 "both are equal: $what" equal "$master" "$standby"
    cost=$(($(sent_bytes "$master") - bytes))
    bulks=$(($(counter "$master" bulks_sent) - bulks_before))
    note "$what: $((cost / 1024)) KiB, $bulks bulks, $(($(counter "$master" buckets_sent) - sent)) buckets sent and" \
        "$(($(counter "$master" buckets_confirmed) - confirmed)) left out, equal after $(($(lab_now) - begin)) ms"
}

# Some flows come while the other node cannot hear of it.
change_some_flows() {
    local first=$next_first
    next_first=$((next_first + changes))
    lab_in r1 "$LAB_BIN/lab" load --flows $changes --first "$first" >/dev/null
}
next_first=$((660000 + flows))

cut_link() {
    local node
    for node in r1 r2; do cut_sync $node; done
    change_some_flows
    sleep 4
    for node in r1 r2; do mend_sync $node; done
}

stop_peer() {
    local pid
    pid=$(<"$LAB_DIR/r2/agent.pid")
    kill -STOP "$pid"
    change_some_flows
    sleep 4
    kill -CONT "$pid"
}

restart_master() {
    lab_restart_agent r1 TERM
    within 20 "the agent of r1 is master again" lab_role_is r1 master
}

restart_standby() { lab_restart_agent r2 KILL; }

swap_roles() {
    lab_cut r1 >/dev/null
    within 20 "r2 is master" lab_role_is r2 master
    lab_restore r1
    within 20 "r1 is backup" lab_role_is r1 backup
}

lab_create
lab_start_routers
for node in r1 r2; do lab_drop $node 10; done
within 30 "the pair is ready" lab_pair_ready
lab_in r1 "$LAB_BIN/lab" load --flows "$flows" >/dev/null
within 60 "both are equal under loss" equal r1 r2
note "$flows flows, one datagram in ten lost: both hold the same, r1 has counted $(counter r1 repairs_sent) repairs"
for node in r1 r2; do lab_in $node nft delete table ip loss; done

costs r1 r2 "a standby that comes back empty" restart_standby
full=$cost
costs r1 r2 "a link that was cut for 4 s" cut_link
((bulks == 0 && cost * 10 < full)) || fail "the cut cost $cost bytes and $bulks bulks, a full bulk $full"
costs r1 r2 "a standby that stood still for 4 s" stop_peer
((bulks == 0 && cost * 10 < full)) || fail "the stop cost $cost bytes and $bulks bulks, a full bulk $full"
costs r1 r2 "a master's agent that restarts" restart_master
((cost * 5 < full)) || fail "the restart cost $cost bytes, a full bulk $full"
swap=$(sent_bytes r2)
swap_roles
within 60 "both are equal after the swap" equal r2 r1
swap=$(($(sent_bytes r2) - swap))
note "a swap of roles: $((swap / 1024)) KiB, $(counter r2 buckets_sent) buckets sent," \
    "$(counter r2 buckets_confirmed) left out"
((swap * 5 < full)) || fail "the swap cost $swap bytes, a full bulk $full"
