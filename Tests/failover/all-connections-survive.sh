#!/usr/bin/env bash
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "When the master is cut off, every connection goes on through the other router."

lab_create
lab_start_routers
open_connections small 500
open_connections large 5 --size 16384
within 20 "the pair is ready" lab_pair_ready
fail_over r1
expect_all_alive large
expect_all_alive small
note "all 505 alive, longest silence $silence ms"
