#!/usr/bin/env bash
# shellcheck disable=SC2034 # topology.sh uses them
LAB_IPV6=1 LAB_PROTOCOLS=all LAB_VIRTUAL_ADDRESSES=
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
# shellcheck source=Tests/failover/strict.sh
source "$(dirname "$0")/strict.sh"
proves "TCP, UDP, ICMP, GRE and SCTP, over IPv4 and IPv6, go on after a failover and back; no packet is INVALID."

# Longest silence of a stream, in milliseconds: an election, a takeover and TCP's patience on a busy machine.
most=3000
# Bytes that the long connection must move through the second router.
bytes=200000000

# A stream over raw sockets: start_raw PROTOCOL ADDRESS.
start_raw() {
    lab_start wan "$1" "$python" "$root/Tests/failover/raw-stream.py" server "$1"
    within 5 "the far end of $1" grep -q listening "$LAB_DIR/wan/$1.log"
    lab_start lan "$1" "$python" "$root/Tests/failover/raw-stream.py" client "$1" "$2"
    within 10 "a stream of $1" grep -q opened "$LAB_DIR/lan/$1.log"
}

end_raw() {
    local answered silence
    lab_stop lan "$1"
    answered=$(tail -n 1 "$LAB_DIR/lan/$1.log" | jq .answered)
    silence=$(tail -n 1 "$LAB_DIR/lan/$1.log" | jq .silence_ms)
    ((answered > 100 && silence <= most)) || fail "$1: $(tail -n 1 "$LAB_DIR/lan/$1.log")"
    note "$1: $answered answers, longest silence $silence ms"
}

start_ping() { lab_start lan "ping$1" ping -D -i 0.05 "$2"; }

# From the time stamps of the answers to the end.
end_ping() {
    local silence
    lab_stop lan "ping$1" INT
    silence=$(awk -v now="$EPOCHREALTIME" '
        /bytes from/ {
            time = substr($1, 2, length($1) - 2)
            if (last && time - last > most) most = time - last
            last = time
        }
        END { if (now - last > most) most = now - last; printf "%d", most * 1000 }' "$LAB_DIR/lan/ping$1.log")
    ((silence <= most)) || fail "ping $1: silent for $silence ms: $(tail -n 3 "$LAB_DIR/lan/ping$1.log")"
    note "ICMP echo, IPv$1: $(grep received "$LAB_DIR/lan/ping$1.log"), longest silence $silence ms"
}

end_set() {
    expect_all_alive "$1"
    ((${silence%.*} <= most)) || fail "$1: silent for $silence ms"
    note "$1: all alive, longest silence $silence ms"
}

forwarded() { lab_in "$1" cat /sys/class/net/lan0/statistics/tx_bytes; }
moved_since() { (($(forwarded "$1") - $2 >= bytes)); }

# The forwarded TCP flows of a router that are liberal about windows.
liberal() {
    lab_in "$1" "$LAB_BIN/lab" flows | awk '
        /^flow tcp (192\.168\.10\.10|fd00:10::10) / && /state=3/ && match($0, /flags=[0-9]+\/[0-9]+/) {
            split(substr($0, RSTART + 6, RLENGTH - 6), flags, "/")
            if (flags[1] >= 8 || flags[2] >= 8) print
        }'
}
strict() { [[ -z $(liberal "$1") ]]; }

expect_clean() {
    within 15 "the windows of $1 are strict again" strict "$1"
    expect_none_invalid
    note "$1 is master, its windows are strict again, no INVALID packet on either router"
}

lab_create
hold r2
lab_start_routers
open_connections tcp 20
open_connections tcp6 20 --address fd00:203::10
open_connections long 1 --size 65536 --interval 1
open_connections udp 20 --udp
open_connections udp6 20 --udp --address fd00:203::10
start_ping 4 203.0.113.10
start_ping 6 fd00:203::10
start_raw gre 203.0.113.10
start_raw gre6 fd00:203::10
start_raw sctp 203.0.113.10
within 20 "the pair is ready" lab_pair_ready
sleep 1
close_door
note "all streams are open; only established and related flows are accepted from here on"

mark=$(forwarded r2)
hand_over r1
expect_clean r2
within 60 "the long connection moves $((bytes / 1000000)) MB through r2" moved_since r2 "$mark"
note "$((($(forwarded r2) - mark) / 1000000)) MB moved through r2"
rejoin r1
hand_over r2
expect_clean r1
sleep 2
for name in long tcp tcp6 udp udp6; do end_set $name; done
for name in gre gre6 sctp; do end_raw $name; done
for name in 4 6; do end_ping $name; done
strict r1 || fail "liberal about windows at the end: $(liberal r1)"
expect_none_invalid
note "no INVALID packet on either router to the end"
