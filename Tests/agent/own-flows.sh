#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "The routers' own connections are never replicated, and flush kernel, purge, commit and resync leave them alive."

pair_create
# 198.51.100.0/24 is not ignored: only that both ends are the routers' own addresses protects these connections.
pair_start_both
lab_start r2 server "$LAB_BIN/lab" server --port 7000
within 5 "the echo server" grep -q listening "$LAB_DIR/r2/server.log"
lab_start r1 pingpong "$LAB_BIN/lab" pingpong --address 198.51.100.2 --port 7000 --connections 20 --duration 120 \
    --report "$LAB_DIR/report.json"
within 10 "20 connections" grep -q "opened 20 of 20" "$LAB_DIR/r1/pingpong.log"
put_flows r1 1 50
within 5 "the others' flows are on r2" external_is r2 50
internal_is r1 50 || fail "own flows are in the internal cache: $(internal_of r1)"

own_of() { lab_in "$1" conntrack -L -p tcp 2>/dev/null | grep -c '198.51.100.1.*dport=7000' || true; }
alive() {
    for node in r1 r2; do
        (($(own_of $node) == 20)) || fail "$node has $(own_of $node) of 20 own entries after: $1"
    done
}
alive "replication"
ends_with 0 lab_agent r1 flush kernel
alive "flush kernel on the master"
ends_with 0 lab_agent r2 flush kernel
alive "flush kernel on the backup"
put_flows r1 100 50
within 5 "the others' flows are on r2" internal_is r1 50
ends_with 0 lab_agent r1 role backup
ends_with 0 lab_agent r2 role master
alive "a takeover"
ends_with 0 lab_agent r1 purge
alive "purge"
ends_with 0 lab_agent r2 resync kernel
ends_with 0 lab_agent r2 commit
ends_with 0 lab_agent r1 reset external-cache
ends_with 0 lab_agent r2 flush internal
ends_with 0 lab_agent r2 flush kernel
ends_with 0 lab_agent r2 reset internal-cache
alive "all of it"
sleep 2
lab_stop r1 pingpong
[[ $(jq .survivors "$LAB_DIR/report.json") == 20 ]] || fail "not all own connections live: $(<"$LAB_DIR/report.json")"
note "20 of 20 own connections alive, longest silence $(jq .longest_silence_ms.max "$LAB_DIR/report.json") ms"
