#!/usr/bin/env bash
LAB_HOOK=scripts
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "The three-script form of the hook does what the one-line form does, and its stop script hands over."

lab_create
lab_start_routers
open_connections small 200
within 20 "the pair is ready" lab_pair_ready
mark=$(lab_progress small)
lab_stop r1 keepalived
within 15 "keepalived makes r2 master" lab_keepalived_is r2 MASTER
within 30 "the agent of r2 is master" lab_role_is r2 master
within 30 "the agent of r1 is backup" lab_role_is r1 backup
within 10 "all 200 connections answer through r2" lab_all_answer small 200 "$mark"
expect_all_alive small
note "all 200 alive, longest silence $silence ms"
