#!/usr/bin/env bash
# What a router that begins flows in the middle does to a connection whose entry it lacks: another port towards the
# server, which answers with a reset.
# shellcheck disable=SC2034 # topology.sh uses them
LAB_STANDBY=cold LAB_SNAT_FLAGS=fully-random LAB_AGENT_CONFIG="hold-limit 4s" LAB_ADVERT_INT=${LAB_ADVERT_INT:-0.5}
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "The hold keeps packets from racing a cold standby's commit, and never outlasts its limits."

hold_is() { [[ $(lab_agent "$1" status --json | jq -r .hold.state) == "$2" ]]; }
held() { lab_agent "$1" status --json | jq .hold.held; }
has_table() { lab_in "$1" nft list tables | grep -q "inet ctsync-ha"; }
has_no_table() { ! has_table "$1"; }
closes() { within 20 "the hold of $1 closes $2" hold_is "$1" closed; }
# One packet that begins a flow, from lan through a router's own address.
knock() { lab_in lan ping -q -c 1 -W 1 203.0.113.10 >/dev/null || true; }
# Restarts both agents with other standbys and other lines in their configuration: configure_agents STANDBY LINES.
configure_agents() {
    LAB_STANDBY=$1 LAB_AGENT_CONFIG=$2
    lab_restart_agent r1 TERM
    lab_restart_agent r2 TERM
    within 30 "the pair is ready with: standby $*" lab_pair_ready
}

lab_create
for node in r1 r2; do lab_in $node sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1; done
lab_start_routers
within 20 "the pair is ready" lab_pair_ready
closes r2 "on a backup"
has_table r2 || fail "it is closed without a table"
! has_table r1 || fail "the master has a table"
hold_is r1 open || fail "the master holds"

ip -n "$(lab_ns lan)" route add 203.0.113.10 via 192.168.10.3
before=$(held r2)
knock
(($(held r2) > before)) || fail "what begins a flow passes, or is not counted"
lab_in r2 nft flush ruleset
has_table r2 || fail "nft flush ruleset removes it"
before=$(held r2)
knock
(($(held r2) > before)) || fail "after nft flush ruleset it holds nothing"
lab_ruleset | lab_in r2 nft -f -
note "it holds what begins a flow, also when the firewall was reloaded"

lab_stop r2 agent KILL
within 5 "it is gone with a killed agent" has_no_table r2
lab_start_agent r2
closes r2 "again"
lab_stop r2 agent TERM
has_no_table r2 || fail "it outlasts an agent that was stopped"
lab_start_agent r2
closes r2 "again"
note "it is gone with its agent"

elements() { lab_in "$1" nft list set inet ctsync-ha held | grep -c elements; }
has_dissolved() { (($(elements "$1" || true) == 0)); }
(($(elements r2) > 0)) || fail "it is closed and names no interface"
kill -STOP "$(<"$LAB_DIR/r2/agent.pid")"
within 20 "the hold of an agent that hangs dissolves" has_dissolved r2
kill -CONT "$(<"$LAB_DIR/r2/agent.pid")"
closes r2 "when its agent goes on"

lab_stop r2 agent TERM
lab_in r2 nft add table inet ctsync-ha
lab_start_agent r2
within 10 "a table that is another's is told" hold_is r2 unavailable
lab_agent r2 status | tr -s ' \n' ' ' | grep -q "another process has the table inet ctsync-ha" ||
    fail "status does not say why there is no hold"
lab_in r2 nft delete table inet ctsync-ha
closes r2 "once it can"
note "it dissolves with an agent that hangs, and says why it cannot be"

ip -n "$(lab_ns r2)" address add 192.168.10.1/32 dev lan0
hold_is r2 closed || fail "an address opens it at once"
within 20 "it opens at its limit" hold_is r2 open
lab_role_is r2 backup || fail "the role has changed"
before=$(held r2)
knock
(($(held r2) == before)) || fail "it holds beside a virtual address"
ip -n "$(lab_ns r2)" address del 192.168.10.1/32 dev lan0
closes r2 "when the address has gone"
lab_agent r2 role fault >/dev/null
within 5 "it opens at a fault" hold_is r2 open
lab_agent r2 role backup >/dev/null
closes r2 "after the fault"
lab_agent r2 role master >/dev/null
within 5 "it opens when the operator orders master" hold_is r2 open
lab_agent r2 role auto >/dev/null
closes r2 "after the order"
ip -n "$(lab_ns lan)" route del 203.0.113.10
ip -n "$(lab_ns lan)" neighbour flush all
note "an address by hand, a fault and an order open it"

within 30 "the pair is ready" lab_pair_ready
lab_in r1 "$LAB_BIN/lab" load --flows 40000 >/dev/null
# Behind the others in the commit; their retransmissions are spread over time, so that some come in its midst.
open_connections live 300 --interval 900
within 30 "the pair is ready" lab_pair_ready
before=$(held r2)
fail_over r1
hold_is r2 open || fail "the hold outlasts the takeover"
has_no_table r2 || fail "the new master has a table"
(($(held r2) > before)) || fail "no packet came too early: this proves nothing"
note "$(($(held r2) - before)) packets held until $(lab_agent r2 status --json | jq -c .last_takeover)"
expect_all_alive live
note "all 300 alive, longest silence $silence ms"
rejoin r1
closes r1 "on the former master"

configure_agents cold "hold off"
hold_is r1 off || fail "hold off does not switch it off"
has_no_table r1 || fail "there is a table with hold off"
open_connections without 300 --interval 900
within 30 "the pair is ready" lab_pair_ready
lab_cut r2 >/dev/null
within 30 "the agent of r1 is master" lab_role_is r1 master
sleep 3
lab_close_connections without
survivors=$(lab_figure without .survivors)
((survivors < 300)) || fail "without the hold all survive too: this proves nothing"
note "without it $survivors of 300 survive"

configure_agents hot ""
hold_is r2 off || fail "a hot standby holds"
has_no_table r2 || fail "a hot standby has a table"
