#!/usr/bin/env bash
# How long 1,000 live connections are silent when the master of so many other flows is cut off, and how many go on:
# Tests/Benchmarks/silence.sh AGENT plain|fully-random TCP_LOOSE FLOWS.
agent=${1:-ctsync-ha-hot} snat=${2:-plain} flows=${4:-0}
# shellcheck disable=SC2034 # topology.sh uses them
LAB_TCP_LOOSE=${3:-0} LAB_ADVERT_INT=0.1
# shellcheck disable=SC2034
[[ $snat == plain ]] || LAB_SNAT_FLAGS=$snat
set --
# shellcheck source=Tests/Benchmarks/measurement.sh
source "$(dirname "$0")/measurement.sh"
connections=1000

# The agents' slowest takeovers write some 80,000 flows a second; a connection may wait as long again before it repeats
# what was lost.
answer_limit() { echo $((8 + flows / 25000)); }

lab_create
load_flows r1 snat "$flows"
lab_start_routers
# A busy bulk may cost silences too; those are not meant.
((flows == 0)) || await_standby "$flows"
lab_open_connections pingpong $connections
await_standby $((flows + connections))
within 10 "the pair is ready" lab_pair_ready
# The hold of a cold standby closes after three quiet seconds.
sleep 5
look_around
mark=$(lab_progress pingpong)
cut=$(lab_cut r1)
within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
lab_wait "$(answer_limit)" "all connections to answer" lab_all_answer pingpong $connections "$mark" || true
look_back
lab_close_connections pingpong
figures=(max_ms="$(lab_figure pingpong .longest_silence_ms.max)")
for figure in median p99; do figures+=("${figure}_ms=$(lab_figure pingpong ".longest_silence_ms.$figure")"); done
figures+=(election_ms=$(($(lab_announced_at r2 MASTER) - cut)) survivors="$(lab_figure pingpong .survivors)")
emit silence "$snat snat, tcp_loose $LAB_TCP_LOOSE" "$flows" "${figures[@]}"
