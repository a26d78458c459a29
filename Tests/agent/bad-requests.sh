#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "Garbage, halves, crowds and silence at the control sockets harm nothing, and others are served meanwhile."

pair_create
pair_start_both
put_flows r1 1 100
within 5 "100 flows on the peer" external_is r2 100
control=$LAB_DIR/r1/control.sock
notify=$LAB_DIR/r1/notify.sock
served() { ends_with 0 timeout 3 "$LAB_BIN/ctsync-ha" status --socket "$control"; }
answers() {
    local wanted=$1
    shift
    ends_with 0 probe r1 "$@"
    says "$wanted" "$printed"
    served
}
refused="^kind 130 .*cannot be read"

note "one wrong request after the other"
for socket in "$control" "$notify"; do
    answers "$refused" bytes "$socket" ffffffff
    answers "$refused" bytes "$socket" 0005000101
    answers "$refused" bytes "$socket" 00000000
    answers "closed" bytes "$socket" 00
    answers "closed" bytes "$socket" 0000000201
    answers "$refused" frame "$socket" 0201
    answers "$refused" frame "$socket" 01ff
    answers "$refused" frame "$socket" 0100
    answers "$refused" frame "$socket" 0101ff
    # A notification whose name is longer than what it holds, and one of no known state.
    answers "$refused" frame "$socket" 010500ffff03
    answers "$refused" frame "$socket" 010500036c6162ff0000
    # A role, and a cache, that are none.
    answers "$refused" frame "$socket" 0106ff00
    answers "$refused" frame "$socket" 0103ff00
done
# A role ordered where only notifications are taken.
answers "^kind 130 .*takes notifications only" frame "$notify" 01060000
# Two requests at once, the second right behind the first: status and statistics.
ends_with 0 probe r1 bytes "$control" 000000020101000000020102
says "^kind 131" "$printed"
grep -q "netlink_failures" <<<"$printed" || fail "the second of two requests was not answered"

note "noise"
for seed in 1 2 3; do
    probe r1 noise "$control" 400 $seed
    probe r1 noise "$notify" 400 $seed
    served
done
[[ $(role_of r1) == master ]] || fail "noise made r1 $(role_of r1)"
expect_idle r1 "after noise"

note "a crowd that says nothing, larger than the limit"
lab_start r1 crowd "$python" "$root/Tests/agent/probe.py" crowd "$control" 60 20
within 5 "the crowd" grep -q connected "$LAB_DIR/r1/crowd.log"
began=$(lab_now)
served
served
ends_with 0 lab_agent r1 notify GROUP lab MASTER 150
note "served beside the crowd within $(($(lab_now) - began)) ms"
expect_idle r1 "beside a crowd"
lab_stop r1 crowd

note "the same with descriptors for hardly anyone"
prlimit --pid "$(<"$LAB_DIR/r1/agent.pid")" --nofile=30:1024
lab_start r1 crowd "$python" "$root/Tests/agent/probe.py" crowd "$control" 30 20
within 5 "the crowd" grep -q '30 connected' "$LAB_DIR/r1/crowd.log"
served
expect_idle r1 "without descriptors"
pair_in_sync || fail "no longer in sync for want of descriptors"
lab_stop r1 crowd
prlimit --pid "$(<"$LAB_DIR/r1/agent.pid")" --nofile=1024:1024
served

note "who asks and does not read, and who asks and goes"
lab_in r1 "$LAB_BIN/lab" load --flows 60000 >/dev/null
within 15 "r2 holds all" external_is r2 60100
for number in {1..5}; do
    # cache internal main, table
    lab_start r1 "deaf$number" "$python" "$root/Tests/agent/probe.py" deaf "$control" 01030000 30
    lab_start r1 "deaftable$number" "$python" "$root/Tests/agent/probe.py" deaf "$control" 010400 30
done
sleep 2
served
memory=$(awk '/^RssAnon/ { print $2 }' "/proc/$(<"$LAB_DIR/r1/agent.pid")/status")
note "$memory kB of memory with ten readers that do not read"
((memory < 200000)) || fail "the agent keeps $memory kB for readers that do not read"
expect_idle r1 "with readers that do not read"
[[ $(lab_agent r1 cache internal --json | jq length) == 60100 ]] || fail "a listing beside them is not whole"
for number in {1..5}; do lab_stop r1 "deaf$number" KILL; lab_stop r1 "deaftable$number" KILL; done
for _ in {1..10}; do
    timeout 0.05 "$LAB_BIN/ctsync-ha" cache internal --socket "$control" >/dev/null 2>&1 || true
    timeout 0.02 "$LAB_BIN/ctsync-ha" resync kernel --socket "$control" >/dev/null 2>&1 || true
done
served
expect_idle r1 "after those who went"
pair_in_sync || fail "no longer in sync"
[[ $(role_of r1) == master ]] || fail "r1 is $(role_of r1)"
