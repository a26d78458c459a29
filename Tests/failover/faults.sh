#!/usr/bin/env bash
# Everything that goes wrong, one thing after the other in the same lab; LAB_STANDBY=cold with cold standbys, FAULTS
# names some of them, FAULTS_FLAPS says how often the role flaps.
FAULTS_FLAPS=${FAULTS_FLAPS:-40}
export LAB_STANDBY=${LAB_STANDBY:-hot} LAB_AGENT_CONFIG="purge-timeout 8"
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "Whatever goes wrong, a pair loses no live connection, keeps nothing stale, and tells what happened."

flows=20000

# --- what is looked at after each fault

master_is() { if lab_keepalived_is r1 MASTER; then echo r1; else echo r2; fi; }
kernel_count() { lab_in "$1" conntrack -C; }
# The connections through a router, without its own: protocols and original tuples, sorted.
through() {
    lab_in "$1" conntrack -L 2>/dev/null | awk '
        /src=(127|10\.99\.0)\./ || /src=(192\.168\.10|203\.0\.113)\.[1-3] / { next }
        { line = $1; for (i = 2; i <= NF && n[NR] < 5; i++) if ($i ~ /=/) { line = line " " $i; n[NR]++ } print line }
    ' | sort
}
# What the standby's kernel holds and the master's does not.
stale() { comm -13 <(through "$1") <(through "$(other "$1")") | wc -l; }
nothing_stale() {
    if [[ $LAB_STANDBY == hot ]]; then (($(stale "$1") == 0)); else (($(through "$(other "$1")" | wc -l) == 0)); fi
}
all_answer() {
    local name
    for name in "${!open_sets[@]}"; do
        lab_all_answer "$name" "${open_sets[$name]}" "${marks[$name]}" || return 1
    done
}
settles() {
    local what=$1 name
    local -A marks=()
    within 40 "the pair is ready after: $what" lab_pair_ready
    for name in "${!open_sets[@]}"; do marks[$name]=$(lab_progress "$name"); done
    within 15 "all connections answer after: $what" all_answer
    within 20 "nothing stale is left after: $what" nothing_stale "$(master_is)"
    note "$what: $(lab_agent "$(master_is)" status --json | jq -r '"\(.verdict), term \(.term), \(.caches.internal.flows) flows"')"
}
# Puts everything back to r1 as master.
back_to_r1() {
    lab_keepalived_is r1 MASTER && return
    lab_cut r2 >/dev/null
    within 15 "keepalived makes r1 master" lab_keepalived_is r1 MASTER
    lab_restore r2
    within 15 "keepalived makes r2 backup" lab_keepalived_is r2 BACKUP
    within 30 "the pair is ready" lab_pair_ready
}
journal_says() { grep -q "$2" "$LAB_DIR/$1/agent.log" || fail "the journal of $1 does not say: $2"; }

# --- the faults

kill_during_commit() {
    lab_cut r1 >/dev/null
    if [[ $LAB_STANDBY == cold ]]; then
        lab_wait 15 "a commit under way" eval "((\$(kernel_count r2) > 500))"
    else
        within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
    fi
    lab_stop r2 agent KILL
    local left
    left=$(kernel_count r2)
    lab_start_agent r2
    within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
    within 30 "the agent of r2 is master" lab_role_is r2 master
    within 30 "r2 has what it lacked" eval "((\$(kernel_count r2) > $flows))"
    note "killed with $left entries in the kernel, and $(kernel_count r2) after its restart"
    lab_restore r1
    within 15 "keepalived makes r1 backup" lab_keepalived_is r1 BACKUP
}

address_removed() {
    lab_in r1 ip address del 203.0.113.1/24 dev wan0
    sleep 3
}

interface_down() {
    lab_in r1 ip link set wan0 down
    within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
    within 30 "the agent of r2 is master" lab_role_is r2 master
    lab_in r1 ip link set wan0 up
    lab_in r1 ip route replace default via 203.0.113.10 2>/dev/null || true
    within 15 "keepalived makes r1 backup" lab_keepalived_is r1 BACKUP
}

ruleset_flushed() {
    lab_in r2 nft flush ruleset
    sleep 2
    lab_in r2 nft -f - <<<"$(lab_ruleset)"
    settles "the ruleset of the standby flushed and loaded again"
    fail_over r1
    rejoin r1
}

roles_flap() {
    local count
    start_mix 100 $((FAULTS_FLAPS * 6 / 10))
    for ((count = 0; count < FAULTS_FLAPS; count++)); do
        lab_agent r2 notify GROUP lab MASTER 100
        sleep 0.3
        lab_agent r2 notify GROUP lab BACKUP 100
        sleep 0.3
    done
    within 60 "the mixed traffic ends" grep -q answered "$LAB_DIR/lan/mix.log"
    rm -f "$LAB_DIR/lan/mix.log"
}

two_masters() {
    local node
    for node in r1 r2; do
        cut_sync $node
        lab_in $node nft add rule ip cut cut ip protocol vrrp drop
    done
    within 15 "both are master" eval 'lab_keepalived_is r1 MASTER && lab_keepalived_is r2 MASTER'
    sleep 10
    for node in r1 r2; do mend_sync $node; done
    within 15 "one gives way" eval '! { lab_keepalived_is r1 MASTER && lab_keepalived_is r2 MASTER; }'
}

vanishes_in_mid_bulk() {
    lab_restart_agent r2 KILL
    cut_sync r2
    sleep 4
    mend_sync r2
}

keepalived_of_the_master() {
    kill -HUP "$(<"$LAB_DIR/r1/keepalived.pid")"
    settles "keepalived of the master reloaded"
    lab_stop r1 keepalived TERM
    within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
    within 30 "the agent of r2 is master" lab_role_is r2 master
    lab_start_keepalived r1
    within 15 "keepalived makes r1 backup" lab_keepalived_is r1 BACKUP
    settles "keepalived of the master restarted"
    back_to_r1
    kill_keepalived r1
    within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
    # Nobody takes the addresses from a router whose keepalived was killed: its operator does, or a restart.
    lab_start_keepalived r1
    within 15 "keepalived makes r1 backup" lab_keepalived_is r1 BACKUP
}

rebooted_empty_and_wins() {
    lab_cut r1 >/dev/null
    lab_stop r1 agent KILL
    kill_keepalived r1
    within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
    within 30 "the agent of r2 is master" lab_role_is r2 master
    lab_in r1 ip address del 192.168.10.1/24 dev lan0 2>/dev/null || true
    lab_in r1 ip address del 203.0.113.1/24 dev wan0 2>/dev/null || true
    lab_in r1 conntrack -F 2>/dev/null
    lab_cut r2 >/dev/null
    lab_restore r1
    lab_start_agent r1
    lab_start_keepalived r1
    within 15 "keepalived makes r1 master" lab_keepalived_is r1 MASTER
    within 30 "the agent of r1 is master" lab_role_is r1 master
    within 30 "r1 has its peer's flows" eval "((\$(kernel_count r1) > $flows))"
    lab_restore r2
    within 15 "keepalived makes r2 backup" lab_keepalived_is r2 BACKUP
}

# --- one after the other

all=(kill_during_commit address_removed interface_down ruleset_flushed roles_flap two_masters vanishes_in_mid_bulk
    keepalived_of_the_master rebooted_empty_and_wins)
lab_create
lab_start_routers
# A session between the routers, as an operator has it: over it he sees everything else happen.
lab_in r2 nft insert rule ip lab input tcp dport 7022 accept
lab_start r2 session-server "$LAB_BIN/lab" server --port 7022
within 5 "a server for the session" grep -q listening "$LAB_DIR/r2/session-server.log"
lab_start r1 session "$LAB_BIN/lab" pingpong --address 192.168.10.3 --port 7022 --connections 1 --duration 3600 \
    --report "$LAB_DIR/r1/session.json"
within 5 "the session" grep -q "opened 1 of 1" "$LAB_DIR/r1/session.log"
open_connections live 300
lab_in r1 "$LAB_BIN/lab" load --flows $flows >/dev/null
settles "the start"
for fault in ${FAULTS:-${all[*]}}; do
    back_to_r1
    if [[ $fault == rebooted_empty_and_wins ]]; then
        sleep 2
        lab_stop r1 session
        [[ $(jq .survivors "$LAB_DIR/r1/session.json") == 1 ]] || fail "the session between the routers broke"
        note "the session between the routers went on, longest silence $(jq .longest_silence_ms.max "$LAB_DIR/r1/session.json") ms"
    fi
    begin=$SECONDS
    $fault
    settles "${fault//_/ }, $((SECONDS - begin)) s"
done
expect_all_alive live
note "all 300 alive, longest silence $silence ms"
