#!/usr/bin/env bash
LAB_SNAT_FLAGS=fully-random
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "Ten failovers back and forth, with ports that SNAT chose at random, lose nothing."

lab_create
lab_start_routers
lab_open_connections 300 1200
within 20 "both agents in sync" lab_both_in_sync
master=r1
for round in {1..10}; do
    fail_over "$master" 300
    rejoin "$master"
    master=$(other "$master")
    note "failover $round: $master is master, 300 answer"
done
expect_all_alive 300
