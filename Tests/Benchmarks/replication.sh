#!/usr/bin/env bash
# What replication costs: flows that are made, then changed, then deleted in the master's kernel, so many a second, and
# the CPU that both agents spend on each; with 0 as many as the kernel takes, and how many a second the standby follows.
# Tests/Benchmarks/replication.sh AGENT tcp|snat|tcp6 FLOWS RATE.
agent=${1:-ctsync-ha-hot} kind=${2:-snat} flows=${3:-200000} rate=${4:-20000}
set --
# shellcheck source=Tests/Benchmarks/measurement.sh
source "$(dirname "$0")/measurement.sh"

# The events that the kernel could not deliver to the master's agent.
overruns() {
    if [[ $LAB_AGENT == ctsync-ha ]]; then
        lab_agent r1 statistics --json | jq '.counters.overruns // 0'
    else
        grep -ciE 'overrun|buffer size' "$LAB_DIR/r1/conntrackd.log" || true
    fi
}

# The standby follows: it holds so many, or moves no more.
last=-1
follows() {
    local now
    now=$(held)
    # Its own flows come and go.
    ((now - $1 > 20 || $1 - now > 20)) || return 0
    if ((now == last)); then stood=$((stood + 1)); else stood=0; fi
    last=$now
    ((stood >= 20))
}

# phase NAME FLOWS-THEN OPTION...
phase() {
    local name=$1 then=$2 before after begin end lost
    shift 2
    sleep 1
    look_around
    before=("$(cpu_time r1)" "$(cpu_time r2)")
    lost=$(overruns)
    begin=$(lab_now)
    lab_in r1 "$LAB_BIN/lab" load --kind "$kind" --flows "$flows" --rate "$rate" "$@" >/dev/null
    stood=0
    lab_wait 60 "the standby follows" follows "$then" || true
    end=$(lab_now)
    # What is told at leisure belongs to it too.
    sleep 1
    after=("$(cpu_time r1)" "$(cpu_time r2)")
    look_back
    missing=$(($(held) - then))
    emit stream "$kind, $name, $([[ $rate == 0 ]] && echo unpaced || echo "$rate/s")" "$flows" \
        active_us="$(quotient "(${after[0]% *} + ${after[0]#* } - ${before[0]% *} - ${before[0]#* })" "$flows")" \
        standby_us="$(quotient "(${after[1]% *} + ${after[1]#* } - ${before[1]% *} - ${before[1]#* })" "$flows")" \
        rate="$(quotient "$flows * 1000" $((end - begin)))" missing="${missing#-}" \
        overruns=$(($(overruns) - lost))
}

lab_create
lab_start_routers
own=$(held)
phase new $((own + flows))
phase changed $((own + flows)) --change --mark 1
phase deleted "$own" --delete
