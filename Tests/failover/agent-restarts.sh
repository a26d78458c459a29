#!/usr/bin/env bash
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "Either agent may be stopped or killed at any moment; a later failover still loses nothing."

# One moment after the other in the same lab: restart_then_fail_over WHAT COMMAND...
restart_then_fail_over() {
    local what=$1
    shift
    "$@"
    within 30 "both agents in sync after: $what" lab_both_in_sync
    fail_over "$master" 200
    rejoin "$master"
    master=$(other "$master")
    note "$what: then failed over, 200 answer"
}

during_traffic() {
    start_mix 300 3
    sleep 1
    lab_restart_agent "$1" "$2"
    within 15 "the mixed traffic ends" grep -q answered "$LAB_DIR/lan/mix.log"
    rm -f "$LAB_DIR/lan/mix.log"
}

twice() {
    lab_restart_agent "$1" "$2"
    lab_restart_agent "$1" "$2"
}

both() {
    lab_restart_agent "$1" KILL
    within 30 "both agents in sync" lab_both_in_sync
    lab_restart_agent "$(other "$1")" KILL
}

right_after_takeover() {
    fail_over "$master" 200
    rejoin "$master"
    master=$(other "$master")
    lab_restart_agent "$master" KILL
}

lab_create
lab_start_routers
lab_open_connections 200 1200
within 20 "both agents in sync" lab_both_in_sync
master=r1
for signal in TERM KILL; do
    restart_then_fail_over "the backup's agent, SIG$signal" lab_restart_agent "$(other "$master")" $signal
    restart_then_fail_over "the master's agent, SIG$signal" lab_restart_agent "$master" $signal
    restart_then_fail_over "the backup's, SIG$signal, under traffic" during_traffic "$(other "$master")" $signal
    restart_then_fail_over "the master's, SIG$signal, under traffic" during_traffic "$master" $signal
    restart_then_fail_over "the backup's, SIG$signal, twice in a row" twice "$(other "$master")" $signal
done
restart_then_fail_over "one after the other, SIGKILL" both "$master"
restart_then_fail_over "the new master's, right after its takeover" right_after_takeover
expect_all_alive 200
