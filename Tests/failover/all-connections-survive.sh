#!/usr/bin/env bash
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "When the master is cut off, every connection goes on through the other router."

lab_create
lab_start_routers
lab_open_connections 500 600
within 20 "both agents in sync" lab_both_in_sync
fail_over r1 500
expect_all_alive 500
