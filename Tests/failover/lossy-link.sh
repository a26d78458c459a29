#!/usr/bin/env bash
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "With one datagram in ten lost on the sync link, both ways, the pair comes in sync and loses nothing."

lost() { lab_in "$1" nft list table ip loss | grep -o 'packets [0-9]*'; }

lab_create
for node in r1 r2; do lab_drop $node 10; done
lab_start_routers
open_connections old 300
start_mix 200 5
within 20 "the mixed traffic ends" grep -q answered "$LAB_DIR/lan/mix.log"
open_connections young 100
within 30 "the pair is ready" lab_pair_ready
note "r1 lost $(lost r1), r2 lost $(lost r2)"
fail_over r1
expect_all_alive young
rejoin r1
open_connections young 100
within 30 "the pair is ready" lab_pair_ready
fail_over r2
expect_all_alive young
expect_all_alive old
note "all 500 alive, longest silence of the old ones $silence ms"
