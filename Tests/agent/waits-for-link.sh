#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "An agent whose interface or address is missing says so, waits, and works when it appears; it says what tracks no packets."

status_says() { grep -q -- "$2" <<<"$(lab_agent "$1" status)"; }
log_says() { grep -q -- "$2" "$LAB_DIR/$1/agent.log"; }

pair_create
ip -n "$(lab_ns r1)" link delete sync0
pair_start r1
pair_start r2
within 5 "the status of r1 names the missing interface" status_says r1 "interface sync0 does not exist: waiting for it"
log_says r1 "interface sync0 does not exist: waiting for it" || fail "the journal does not name the missing interface"
[[ $(lab_agent r1 status --json | jq -r .verdict) == critical ]] || fail "a missing link is not critical"
expect_idle r1 "while it waits for its interface"

note "the interface appears, first down, then without its address"
ip link add name sync0 netns "$(lab_ns r1)" type veth peer name sync0 netns "$(lab_ns r2)"
within 5 "r1 sees that the link is down" status_says r1 "interface sync0 is down"
ip -n "$(lab_ns r1)" link set sync0 up
ip -n "$(lab_ns r2)" link set sync0 up
within 5 "r1 misses its address" status_says r1 "listen-address is not assigned to sync0: waiting for it"
log_says r1 "listen-address is not assigned to sync0" || fail "the journal does not name the missing address"
ip -n "$(lab_ns r1)" address add 10.99.0.1/24 dev sync0
ip -n "$(lab_ns r2)" address add 10.99.0.2/24 dev sync0
ends_with 0 lab_agent r1 role master
within 15 "both agents in sync" pair_in_sync
within 5 "the journal tells that the link is there" log_says r1 "the link is there"

note "the interface goes and comes again"
ip -n "$(lab_ns r1)" link delete sync0
within 5 "r1 misses its interface" status_says r1 "interface sync0 does not exist"
put_flows r1 1 10
ip link add name sync0 netns "$(lab_ns r1)" type veth peer name sync0 netns "$(lab_ns r2)"
for node in r1 r2; do ip -n "$(lab_ns $node)" link set sync0 up; done
ip -n "$(lab_ns r1)" address add 10.99.0.1/24 dev sync0
ip -n "$(lab_ns r2)" address add 10.99.0.2/24 dev sync0
within 15 "both agents in sync again" pair_in_sync
within 5 "what began meanwhile is on r2" external_is r2 10

note "a node whose ruleset tracks nothing"
lab_in r1 nft flush ruleset
lab_restart_agent r1 TERM
within 5 "the status of r1 says that packets are not tracked" status_says r1 "no ruleset enables conntrack here"
log_says r1 "no ruleset enables conntrack here" || fail "the journal does not say that packets are not tracked"
ends_with 0 lab_agent r1 table
says "no ruleset enables conntrack"
