#!/usr/bin/env bash
# shellcheck disable=SC2034 # topology.sh uses it
LAB_STANDBY=hot
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "A hot standby's kernel has the flows before the takeover, whatever happens to it, and loses none after it."

# Entries in a router's kernel, a few of its own among them.
kernel_count() { lab_in "$1" conntrack -C; }
has_all() { (($(kernel_count "$1") >= $2)); }
counter() { lab_agent "$1" status --json | jq ".counters.$2"; }
# What a router's entry of the client's ping has left, in seconds.
ping_left() { lab_in "$1" conntrack -L -p icmp 2>/dev/null | awk '/src=192.168.10.10 / { print $3 }'; }

lab_create
lab_start_routers
open_connections small 300
open_connections large 5 --size 16384
lab_in r1 "$LAB_BIN/lab" load --flows 20000 >/dev/null
within 20 "the pair is ready" lab_pair_ready
within 10 "all flows are in the standby's kernel" has_all r2 20305
note "$(kernel_count r2) of $(kernel_count r1) flows are in the standby's kernel, $(counter r2 copies_refused) refused"

before=$(kernel_count r1)
lab_in r2 conntrack -D -p tcp >/dev/null 2>&1
within 10 "what somebody deleted on the standby is put back" has_all r2 20305
(($(kernel_count r1) >= before - 5)) || fail "deletes on the standby reached the master"
(($(counter r2 copies_lost) > 0)) || fail "the agent noticed nothing"
note "deleted by hand, put back, and the master lost nothing"

lab_stop r2 agent
lab_start r2 agent "$LAB_BIN/ctsync-ha" run --config "$LAB_DIR/r2/ctsync-ha.conf"
within 20 "the pair is ready again" lab_pair_ready
within 10 "all flows are in the standby's kernel again" has_all r2 20305
note "an agent that starts finds them there, and makes them anew"

lab_in lan ping -q -c 2 -i 0.2 203.0.113.10 >/dev/null
has_ping() { [[ -n $(ping_left r2) ]]; }
within 5 "the ping is in the standby's kernel" has_ping
(($(ping_left r2) > 600)) || fail "the copy has no lease: $(ping_left r2) s"
fail_over r1
flows=$(lab_agent r2 status --json | jq .last_takeover.flows)
((flows >= 20305)) || fail "the takeover counted $flows flows"
is_restored() { [[ -z $(ping_left r2) ]] || (($(ping_left r2) <= 30)); }
within 10 "the flows have their own timeouts, and no leases" is_restored
note "all answer, and what was a lease is a timeout"

lab_restore r1
within 15 "keepalived makes r1 backup" lab_keepalived_is r1 BACKUP
within 20 "the pair is ready after the swap" lab_pair_ready
within 10 "the old master's kernel has all flows" has_all r1 20305
fail_over r2
expect_all_alive small
expect_all_alive large
note "and back: all alive, longest silence $silence ms"
