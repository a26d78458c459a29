#!/usr/bin/env bash
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "With one datagram in ten lost on the sync link, both ways, all the time, the pair comes in sync and loses nothing."

lab_create
for node in r1 r2; do lab_drop $node 10; done
lab_start_routers
lab_open_connections 300 600
start_mix 200 5
within 20 "the mixed traffic ends" grep -q answered "$LAB_DIR/lan/mix.log"
within 30 "both agents in sync" lab_both_in_sync
note "$(lab_in r1 nft list table ip loss | grep -o 'packets [0-9]*') of r2's lost," \
    "$(lab_in r2 nft list table ip loss | grep -o 'packets [0-9]*') of r1's"
fail_over r1 300
rejoin r1
fail_over r2 300
expect_all_alive 300
