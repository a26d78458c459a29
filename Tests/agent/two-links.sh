#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "A pair with two links, unicast IPv4 and multicast IPv6, goes on over one, names the other, and takes it back by itself."

# The example, as a node has it: config_of NODE.
config_of() {
    local swap='' address
    [[ $1 == r1 ]] || swap='s/10\.99\.0\.1/SELF/; s/10\.99\.0\.2/10.99.0.1/; s/SELF/10.99.0.2/; s/^node-name r1/node-name r2/'
    sed -e "$swap" -e "s,^key-file .*,key-file $LAB_DIR/key," -e 's/sync-group syncgrp/sync-group lab/' \
        "$root/Examples/two-links/ctsync-ha.conf"
    for address in $LAB_VIRTUAL_ADDRESSES; do echo "virtual-address $address"; done
    printf 'control-socket %s/control.sock\nstate-directory %s\nkeepalived { config %s/none }\n' \
        "$LAB_DIR/$1" "$LAB_DIR/$1" "$LAB_DIR/$1"
}

# Joins the nodes by a cable of that name: join NAME.
join() {
    ip link add name "$1" netns "$(lab_ns r1)" type veth peer name "$1" netns "$(lab_ns r2)"
    for node in r1 r2; do ip -n "$(lab_ns $node)" link set "$1" up; done
}

# Whether a node's status --json satisfies a jq filter: status_is NODE FILTER [jq options].
status_is() { lab_agent "$1" status --json | jq -e "${@:3}" "$2" >/dev/null; }
# shellcheck disable=SC2016 # a variable of jq
gives_reason() { status_is "$1" 'any(.reasons[]; startswith($what))' --arg what "$2"; }
# Whether a node has no reason to name a link.
is_calm() { status_is "$1" 'all(.reasons[]; test("sync[0-9]") | not) and all(.links[]; .there and .carrier)'; }
log_says() { grep -q -- "$2" "$LAB_DIR/$1/agent.log"; }
# Sends datagrams of nobody's from r2: say INTERFACE SOURCE DESTINATION COUNT.
say() {
    lab_in r2 "$python" - "$@" <<'PYTHON'
import socket, sys
interface, source, destination, count = sys.argv[1:]
family = socket.AF_INET6 if ":" in destination else socket.AF_INET
sender = socket.socket(family, socket.SOCK_DGRAM)
sender.bind((source, 0))
if family == socket.AF_INET6:
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(interface))
for _ in range(int(count)):
    sender.sendto(b"nobody", (destination, 3780))
PYTHON
}
# Fails the test unless a counter of r1 has grown by so many: grew COUNTER BEFORE BY.
grew() {
    local now
    now=$(counter_of r1 "$1")
    ((now - $2 == $3)) || fail "$1 of r1 grew by $((now - $2)) instead of $3"
}

pair_create
# Addresses must be there at once.
for node in r1 r2; do lab_in $node sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; done
join sync1
join sync2
ends_with 0 "$LAB_BIN/ctsync-ha" key new "$LAB_DIR/key"
for node in r1 r2; do config_of $node >"$LAB_DIR/$node/ctsync-ha.conf"; done
ends_with 0 "$LAB_BIN/ctsync-ha" check --config "$LAB_DIR/r2/ctsync-ha.conf"

note "both agents start, and show both links"
pair_start_both
for node in r1 r2; do
    within 5 "both links of $node are there" is_calm $node
    # The link that is heard first may carry the traffic for some seconds.
    within 15 "$node uses the first" status_is $node '[.links[] | [.name, .mode, .there, .carrier, .active]] ==
        [["sync0", "unicast", true, true, true], ["sync1", "multicast", true, true, false]]'
    ends_with 0 lab_agent $node status
    says "^link +sync0  unicast  in use$" "$printed"
    says "^link +sync1  multicast$" "$printed"
done
ends_with 0 lab_agent r1 statistics
says "^UDP traffic \(active device=sync0\):" "$printed"
says "^multicast traffic \(device=sync1\):" "$printed"
put_flows r1 1 100
within 10 "100 flows on the peer" external_is r2 100

note "the group is heard on its interface alone, and on the other link only the peer"
before=$(counter_of r1 link_malformed)
say sync1 :: ff02::3780 20
sleep 0.3
grew link_malformed "$before" 20
say sync2 :: ff02::3780 20
sleep 0.3
grew link_malformed "$before" 20
before=$(counter_of r1 link_unknown_source)
say sync0 198.51.100.2 10.99.0.1 20
sleep 0.3
grew link_unknown_source "$before" 20

note "one interface goes: a warning names it, and the pair goes on"
ip -n "$(lab_ns r1)" link delete sync1
for node in r1 r2; do
    within 5 "$node misses sync1" gives_reason $node "interface sync1 does not exist: waiting for it, while the nodes go on over sync0"
    status_is $node '.verdict == "warning" and .links[1].there == false and .links[0].active' ||
        fail "status of $node: $(lab_agent $node status --json | jq -c '[.verdict, .links]')"
    within 5 "the journal of $node names sync1" log_says $node "interface sync1 does not exist: waiting for it; the other links go on"
done
ends_with 0 lab_agent r1 status
says "^link +sync1  multicast  AWAY$" "$printed"
ends_with 0,1 lab_agent r1 preflight
says "sync1 does not exist: waiting for it, while the nodes go on over sync0" "$(tr -s '[:space:]' ' ' <<<"$printed")"
put_flows r1 201 100
within 10 "what began meanwhile is on r2" external_is r2 200
expect_idle r1 "while one link is away"

note "it comes back by itself"
join sync1
for node in r1 r2; do
    within 10 "$node has sync1 again" is_calm $node
    within 5 "the journal of $node tells so" log_says $node "the link is there: sync1"
done

note "the link in use is silent, though it carries: the traffic leaves it"
echo 'table inet silent { chain in { type filter hook input priority -10; iifname "sync0" udp dport 3780 drop; }; }' |
    lab_in r2 nft -f -
within 4 "r1 leaves sync0" status_is r1 '.peers[0].link == "sync1" and [.links[].active] == [false, true]'
put_flows r1 301 100
within 5 "what began meanwhile is on r2" external_is r2 300
within 5 "r1 says so" gives_reason r1 "r2 does not hear this node over sync0, while its traffic goes over sync1"
within 5 "r2 says so" gives_reason r2 "r1 is silent over sync0 for "
log_says r1 "the traffic to r2 goes over sync1 now" || fail "the journal of r1 does not tell of the move"
ends_with 0 lab_agent r1 statistics
says "^multicast traffic \(active device=sync1\):" "$printed"
lab_in r2 nft delete table inet silent
within 15 "the traffic returns to sync0" status_is r1 '.peers[0].link == "sync0" and [.links[].active] == [true, false]'
for node in r1 r2; do within 5 "$node hears all" is_calm $node; done

note "the interface in use goes: the other one carries all"
ip -n "$(lab_ns r1)" link delete sync0
within 4 "r1 leaves sync0" status_is r1 '.peers[0].link == "sync1" and (.peers[0].address | startswith("[fe80:"))'
put_flows r1 401 100
within 5 "what began meanwhile is on r2" external_is r2 400
within 5 "both agents in sync" pair_in_sync
pair_join
for node in r1 r2; do within 10 "$node has sync0 again" is_calm $node; done
within 15 "the traffic returns to sync0" status_is r1 '.peers[0].link == "sync0"'

note "a link without a carrier"
ip -n "$(lab_ns r2)" link set sync1 down
within 5 "r1 misses the carrier" gives_reason r1 "sync1 has no carrier, while the nodes go on over sync0"
ip -n "$(lab_ns r2)" link set sync1 up
for node in r1 r2; do within 10 "$node has sync1 again" is_calm $node; done

note "no link is left"
for name in sync0 sync1; do ip -n "$(lab_ns r1)" link delete $name; done
for node in r1 r2; do
    within 5 "$node misses both" status_is $node \
        '.verdict == "critical" and ([.reasons[] | select(startswith("interface sync"))] | length) == 2'
    within 5 "the journal of $node is alarmed" log_says $node "no link is left"
done
pair_join
join sync1
for node in r1 r2; do within 10 "$node has both again" is_calm $node; done
within 15 "both agents in sync" pair_in_sync
put_flows r1 501 100
within 10 "500 flows on the peer" external_is r2 500

note "links that the nodes count differently are refused, and the remedy is told"
lab_stop r2 agent
{ sed '/^interface sync1/d' "$LAB_DIR/r2/ctsync-ha.conf" | sed '0,/^interface/s//interface sync1\n&/'; } >"$LAB_DIR/r2/crossed"
mv "$LAB_DIR/r2/crossed" "$LAB_DIR/r2/ctsync-ha.conf"
pair_start r2
within 10 "r2 says what to do" status_is r2 'any(.reasons[]; contains("name the interfaces in the same order"))'
(($(counter_of r2 link_wrong_link) > 0)) || fail "nothing was counted as another link's"
