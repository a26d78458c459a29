#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "Three nodes over two networks, one datagram to each peer or one to all: every node tells of both others by name."

LAB_NODES=(r1 r2 r3 net)

# Two networks instead of the pair's cable: sync0 is 10.99.0.0/24, sync1 10.98.0.0/24.
pair_join() {
    local net network node number
    net=$(lab_ns net)
    for network in 0 1; do
        ip -n "$net" link add "br$network" type bridge mcast_snooping 0
        ip -n "$net" link set "br$network" up
        for number in 1 2 3; do
            node=r$number
            ip link add name "sync$network" netns "$(lab_ns $node)" type veth peer name "p$network-$number" netns "$net"
            ip -n "$net" link set "p$network-$number" master "br$network" up
            ip -n "$(lab_ns $node)" address add "10.$((99 - network)).0.$number/24" dev "sync$network"
            ip -n "$(lab_ns $node)" link set "sync$network" up
        done
    done
}

# The example, as a node has it: config_of NODE.
config_of() {
    local own=${1#r} others=(1 2 3) address
    unset "others[own - 1]"
    others=("${others[@]}")
    sed -e "s/^node-name r1/node-name $1/; s/listen-address 10.99.0.1/listen-address 10.99.0.$own/" \
        -e "s/peer 10.99.0.2/peer 10.99.0.${others[0]}/; s/peer 10.99.0.3/peer 10.99.0.${others[1]}/" \
        -e "s,^key-file .*,key-file $LAB_DIR/key," -e 's/sync-group syncgrp/sync-group lab/' \
        "$root/Examples/three-nodes/ctsync-ha.conf"
    for address in $LAB_VIRTUAL_ADDRESSES; do echo "virtual-address $address"; done
    printf 'control-socket %s/control.sock\nstate-directory %s\nkeepalived { config %s/none }\n' \
        "$LAB_DIR/$1" "$LAB_DIR/$1" "$LAB_DIR/$1"
}

# Whether a node's status --json satisfies a jq filter: status_is NODE FILTER [jq options].
status_is() { lab_agent "$1" status --json | jq -e "${@:3}" "$2" >/dev/null; }
in_sync() { status_is "$1" '(.peers | length) == 2 and all(.peers[]; .in_sync)'; }
# The links in use to the peers of a node, by their names.
# shellcheck disable=SC2016 # a variable of jq
uses() { status_is "$1" '[.peers[].link] | join(" ") == $links' --arg links "$2"; }
hears_all() { status_is "$1" 'all(.reasons[]; test("sync[0-9]") | not)'; }
preflight_of() { printed=$(lab_agent "$1" preflight --json 2>/dev/null) || true; }
preflight_is() { preflight_of "$1" && [[ $(jq -r .verdict <<<"$printed") == "$2" ]]; }

pair_create
ends_with 0 "$LAB_BIN/ctsync-ha" key new "$LAB_DIR/key"
for node in r1 r2 r3; do
    config_of $node >"$LAB_DIR/$node/ctsync-ha.conf"
    lab_in $node nft add rule ip pair input iifname sync1 udp dport 3780 accept
done

note "three agents start and know each other"
for node in r1 r2 r3; do
    ends_with 0 "$LAB_BIN/ctsync-ha" check --config "$LAB_DIR/$node/ctsync-ha.conf"
    pair_start $node
done
ends_with 0 lab_agent r1 role master
for node in r2 r3; do ends_with 0 lab_agent $node role backup; done
put_flows r1 1 200
for node in r1 r2 r3; do
    within 15 "$node in sync with both others" in_sync $node
    within 5 "$node hears both over both links" hears_all $node
done
for node in r2 r3; do within 10 "200 flows on $node" external_is $node 200; done
# The link that is heard first may carry the traffic for some seconds.
within 15 "the peers of r1, by their names" status_is r1 '[.peers[] | [.name, .address, .link, .roles[0].role]] ==
    [["r2", "10.99.0.2:3780", "sync0", "backup"], ["r3", "10.99.0.3:3780", "sync0", "backup"]]'

note "preflight judges each of the two that may be next"
for node in r1 r2 r3; do within 25 "a safe failover by $node" preflight_is $node safe; done
preflight_of r1
jq -e '.failover == {from: "r1", to: "r2, r3", flows: 200}' <<<"$printed" >/dev/null || fail "preflight: $printed"
lab_in r3 sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1
for node in r1 r2 r3; do
    within 25 "$node finds what differs on r3" preflight_is $node doubtful
    jq -e 'any(.reasons[]; .check == "sysctls" and .node == "r3")' <<<"$printed" >/dev/null || fail "preflight: $printed"
done
lab_in r3 sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
for node in r1 r2 r3; do within 25 "a safe failover by $node" preflight_is $node safe; done

note "one of the three leaves a network: its traffic alone moves to the other one"
ip -n "$(lab_ns net)" link set p0-3 down
within 6 "r1 reaches r3 over sync1, and r2 over sync0" uses r1 "sync0 sync1"
within 6 "r3 reaches both over sync1" uses r3 "sync1 sync1"
put_flows r1 301 100
for node in r2 r3; do within 10 "300 flows on $node" external_is $node 300; done
within 5 "r3 names its link" status_is r3 'any(.reasons[]; startswith("sync0 has no carrier"))'
within 5 "r1 names r3" status_is r1 'any(.reasons[]; startswith("r3 ") and contains("over sync0"))'
ip -n "$(lab_ns net)" link set p0-3 up
for node in r1 r2 r3; do within 10 "$node hears both over both links again" hears_all $node; done

note "one of the three ends: a warning, since another one stands by"
lab_stop r3 agent TERM
within 10 "r1 misses r3" status_is r1 'any(.reasons[]; startswith("peer r3 is silent"))'
[[ $(lab_agent r1 status --json | jq -r .verdict) == warning ]] || fail "a third node that is gone is critical"
within 5 "preflight of r1 is doubtful" preflight_is r1 doubtful
jq -e '.failover.to == "r2" and any(.reasons[]; .check == "peer" and (.reason | contains("r3")))' <<<"$printed" >/dev/null ||
    fail "preflight: $printed"

note "the master ends, the next one takes over, and the third follows it"
pair_start r3
ends_with 0 lab_agent r3 role backup
within 15 "r3 holds all again" external_is r3 300
lab_stop r1 agent KILL
ends_with 0 lab_agent r2 role master
internal_is r2 300 || fail "r2 took over $(internal_of r2) of 300 flows"
put_flows r2 601 50
within 15 "r3 follows r2" external_is r3 350
