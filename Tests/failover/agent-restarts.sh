#!/usr/bin/env bash
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "Either agent may be stopped or killed at any moment; a later failover still loses nothing."

# One moment after the other in the same lab: restart_then_fail_over WHAT COMMAND... Each round has connections that
# begin before the restart and some that begin after it: the next master has never tracked either.
restart_then_fail_over() {
    local what=$1 begin
    shift
    open_connections before 100
    "$@"
    begin=$(lab_now)
    within 30 "the agent of $master is master again after: $what" lab_role_is "$master" master
    begin=$(($(lab_now) - begin))
    open_connections after 50
    within 30 "the pair is ready after: $what" lab_pair_ready
    fail_over "$master"
    expect_all_alive before
    expect_all_alive after
    rejoin "$master"
    master=$(other "$master")
    note "$what: master known after $begin ms; then failed over, all answer"
}

restart_now() { lab_restart_agent "$@"; }

# The agent is away for a while, and connections begin meanwhile.
away() {
    lab_stop "$1" agent "$2"
    open_connections meanwhile 50
    sleep 1
    lab_start_agent "$1"
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

one_after_the_other() {
    lab_restart_agent "$1" "$2"
    within 30 "the pair is ready" lab_pair_ready
    lab_restart_agent "$(other "$1")" "$2"
}

right_after_takeover() {
    fail_over "$master"
    rejoin "$master"
    master=$(other "$master")
    lab_restart_agent "$master" KILL
}

lab_create
lab_start_routers
open_connections old 200
within 20 "the pair is ready" lab_pair_ready
master=r1
for signal in TERM KILL; do
    for moment in restart_now during_traffic away twice; do
        restart_then_fail_over "the backup's agent, SIG$signal, $moment" $moment "$(other "$master")" $signal
        [[ -z ${open_sets[meanwhile]:-} ]] || expect_all_alive meanwhile
        restart_then_fail_over "the master's agent, SIG$signal, $moment" $moment "$master" $signal
        [[ -z ${open_sets[meanwhile]:-} ]] || expect_all_alive meanwhile
    done
done
restart_then_fail_over "both agents, SIGKILL, one after the other" one_after_the_other "$master" KILL
restart_then_fail_over "the new master's agent, SIGKILL, right after its takeover" right_after_takeover
expect_all_alive old
note "all 200 old ones alive, longest silence $silence ms"
