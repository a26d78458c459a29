#!/usr/bin/env bash
export LAB_TRACK_FILE=yes
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "A preempting master that boots with an empty table waits until it holds the flows, and no connection is lost."

ready() { cat "$LAB_DIR/$1/ready"; }
publishes() { [[ $(ready "$1") == "$2" ]]; }
transitions() { wc -l <"$LAB_DIR/$1/transitions"; }

# As a power cut does it: nobody says goodbye, and what was in memory is gone.
power_off() {
    lab_cut "$1" >/dev/null
    lab_stop "$1" agent KILL
    kill_keepalived "$1"
    lab_in "$1" ip address del 192.168.10.1/24 dev lan0 2>/dev/null || true
    lab_in "$1" ip address del 203.0.113.1/24 dev wan0 2>/dev/null || true
    lab_in "$1" conntrack -F 2>/dev/null
    rm -f "$LAB_DIR/$1/ready" "$LAB_DIR/$1"/*.sock "$LAB_DIR/$1/transitions"
}

# How systemd ends the unit: withdraw RESULT JOB
withdraw() {
    mkdir -p "$LAB_DIR/bin"
    printf '#!/bin/sh\necho "17 ctsync-ha.service %s running"\n' "$2" >"$LAB_DIR/bin/systemctl"
    chmod +x "$LAB_DIR/bin/systemctl"
    PATH=$LAB_DIR/bin:$PATH SERVICE_RESULT=$1 "$root/Units/withdraw-readiness" "$LAB_DIR/r1/ready"
}

lab_create
lab_start_routers
within 20 "the pair is ready" lab_pair_ready
within 10 "both publish what they are" eval 'publishes r1 100 && publishes r2 90'
open_connections old 200

power_off r1
within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
within 30 "the agent of r2 is master" lab_role_is r2 master
open_connections young 100
cut_sync r1
lab_start_agent r1
publishes r1 0 || fail "a node that holds nothing publishes $(ready r1)"
lab_start_keepalived r1
lab_restore r1
within 15 "keepalived makes r1 backup" lab_keepalived_is r1 BACKUP
sleep 4
lab_keepalived_is r1 BACKUP || fail "r1 won the election before it held the flows"
lab_keepalived_is r2 MASTER || fail "r2 gave up the mastership to nobody"
note "4 s without the sync link: r1 publishes $(ready r1), r2 $(ready r2), and r2 stays master"
mend_sync r1
within 20 "r1 takes over by itself" lab_keepalived_is r1 MASTER
within 30 "the agent of r1 is master" lab_role_is r1 master
note "r1 holds the flows and has taken over; it publishes $(ready r1)"
within 20 "the pair is ready" lab_pair_ready

held=$(transitions r1)
withdraw signal start
lab_restart_agent r1 KILL
publishes r1 100 || fail "the master's agent restarts and publishes $(ready r1)"
within 20 "the pair is ready" lab_pair_ready
withdraw success restart
publishes r1 100 || fail "a restart withdraws the readiness"
lab_restart_agent r1 TERM
within 20 "the pair is ready" lab_pair_ready
sleep 2
[[ $(transitions r1) == "$held" ]] || fail "a restart of the agent moves the mastership: $(cat "$LAB_DIR/r1/transitions")"
publishes r1 100 || fail "the restarted master publishes $(ready r1)"
note "a crash and a restart of the master's agent leave the mastership where it is"

lab_stop r1 agent
withdraw success stop
within 15 "the agent that was stopped lets r2 take over" lab_keepalived_is r2 MASTER
within 30 "the agent of r2 is master" lab_role_is r2 master
expect_all_alive old
expect_all_alive young
note "all 300 alive, longest silence of the young ones $silence ms"
