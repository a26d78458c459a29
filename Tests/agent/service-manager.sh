#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "The service manager hears when the agent is ready, how it is, that its loop turns, and when it stops."

pair_create
# A dump that takes a moment, so that readiness can be seen to wait for it.
lab_in r1 "$LAB_BIN/lab" load --flows 50000 >/dev/null
lab_start r1 manager "$python" "$root/Tests/agent/probe.py" manager "$LAB_DIR/manager.sock" 60
heard=$LAB_DIR/r1/manager.log
within 5 "the listener" grep -q listening "$heard"
lab_start r1 agent env NOTIFY_SOCKET="$LAB_DIR/manager.sock" WATCHDOG_USEC=1000000 \
    "$LAB_BIN/ctsync-ha" run --config "$LAB_DIR/r1/ctsync-ha.conf"
within 10 "READY=1" grep -q ' READY=1$' "$heard"
dumped=$(grep -c 'kernel dumped: ' "$LAB_DIR/r1/agent.log" || true)
((dumped >= 1)) || fail "ready before the first dump was done"
sleep 6
[[ $(grep -c ' READY=1$' "$heard") == 1 ]] || fail "READY=1 was sent $(grep -c ' READY=1$' "$heard") times"
grep -qE ' STATUS=backup \| critical \| peer none \| [0-9]+ internal, 0 external flows$' "$heard" ||
    fail "no such status line: $(grep STATUS "$heard" | tail -n 1)"
pings=$(grep -c ' WATCHDOG=1$' "$heard" || true)
note "$pings pings in 6 s with WATCHDOG_USEC of 1 s"
((pings >= 9)) || fail "only $pings pings in 6 s"
widest=$(awk '/ WATCHDOG=1$/ { if (last && $1 - last > widest) widest = $1 - last; last = $1 } END { print widest + 0 }' "$heard")
((widest < 900)) || fail "$widest ms between two pings"

note "the status line follows the role"
ends_with 0 lab_agent r1 role master
within 8 "the status line says master" grep -q ' STATUS=master | ' "$heard"
kill -s TERM "$(<"$LAB_DIR/r1/agent.pid")"
pair_ends r1 0
within 2 "STOPPING=1" grep -q ' STOPPING=1$' "$heard"

ready_twice() { (($(grep -c ' READY=1$' "$heard") == 2)); }

note "a stopped loop sends no ping"
: >"$LAB_DIR/r1/agent.log"
lab_start r1 agent env NOTIFY_SOCKET="$LAB_DIR/manager.sock" WATCHDOG_USEC=1000000 \
    "$LAB_BIN/ctsync-ha" run --config "$LAB_DIR/r1/ctsync-ha.conf"
within 10 "the second READY=1" ready_twice
kill -s STOP "$(<"$LAB_DIR/r1/agent.pid")"
before=$(grep -c ' WATCHDOG=1$' "$heard")
sleep 2
(($(grep -c ' WATCHDOG=1$' "$heard") <= before + 1)) || fail "a stopped agent pings"
kill -s CONT "$(<"$LAB_DIR/r1/agent.pid")"

note "without a service manager it runs, too"
lab_stop r1 agent
pair_start r1
