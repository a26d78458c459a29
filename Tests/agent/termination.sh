#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "SIGTERM ends an agent with 0, takes its sockets away, and what was unsent reaches the peer first."

pair_create
pair_start_both
for round in 1 2 3; do
    # What the kernel tells while the agent stands still is all unsent when the signal comes.
    kill -s STOP "$(<"$LAB_DIR/r1/agent.pid")"
    lab_in r1 "$LAB_BIN/lab" load --flows 5000 --first $((660000 + round * 5000)) --timeout 3600 >/dev/null
    kill -s TERM "$(<"$LAB_DIR/r1/agent.pid")"
    (($(external_of r2) == (round - 1) * 5000)) || fail "the flows travelled before the signal"
    kill -s CONT "$(<"$LAB_DIR/r1/agent.pid")"
    began=$(lab_now)
    pair_ends r1 0
    took=$(($(lab_now) - began))
    ((took < 4000)) || fail "the end took $took ms"
    [[ ! -e $LAB_DIR/r1/control.sock && ! -e $LAB_DIR/r1/notify.sock ]] || fail "the sockets stay behind"
    held=$(external_of r2)
    note "ended in $took ms, the peer holds $held of $((round * 5000))"
    ((held == round * 5000)) || fail "the peer holds $held flows of $((round * 5000))"
    [[ $(lab_agent r2 cache external --json | jq length) == "$held" ]] || fail "the listing is not the count"
    pair_start r1
    ends_with 0 lab_agent r1 role master
    within 15 "both agents in sync" pair_in_sync
done

note "without a peer it ends at once, twice signalled too"
lab_stop r2 agent KILL
put_flows r1 1 50
pid=$(<"$LAB_DIR/r1/agent.pid")
kill -s TERM "$pid"
kill -s TERM "$pid" 2>/dev/null || true
pair_ends r1 0
pair_start r1
kill -s INT "$(<"$LAB_DIR/r1/agent.pid")"
pair_ends r1 0

note "whoever waits for an answer is told"
pair_start r1
began=$(lab_now)
kill -s STOP "$(<"$LAB_DIR/r1/agent.pid")"
{ trap - ERR && lab_agent r1 role master >"$LAB_DIR/waiter" 2>&1; } &
waiter=$!
sleep 0.3
kill -s TERM "$(<"$LAB_DIR/r1/agent.pid")"
kill -s CONT "$(<"$LAB_DIR/r1/agent.pid")"
pair_ends r1 0
status=0
wait $waiter || status=$?
((status <= 1)) || fail "the waiting command ended with $status: $(<"$LAB_DIR/waiter")"
note "the waiting command ended with $status: $(<"$LAB_DIR/waiter")"
