#!/usr/bin/env bash
LAB_SNAT_FLAGS=fully-random
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "Ten failovers back and forth, with ports that SNAT chose at random, lose neither old nor new connections."

# The old ones come back to a router that knew them as master, and the large ones with windows that have moved on;
# each round's young ones are known to the next master by its peer's word alone.
lab_create
lab_start_routers
open_connections old 200
open_connections large 5 --size 16384
master=r1
for round in {1..10}; do
    open_connections young 100
    within 30 "the pair is ready" lab_pair_ready
    fail_over "$master"
    expect_all_alive young
    lab_restore "$master"
    within 15 "keepalived makes $master backup" lab_keepalived_is "$master" BACKUP
    master=$(other "$master")
    note "failover $round: $master is master, all 305 answer, longest silence of the young ones $silence ms"
done
expect_all_alive large
expect_all_alive old
note "all 205 old ones alive, longest silence $silence ms"
