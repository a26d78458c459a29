# shellcheck shell=bash
# The two-router lab: network namespaces, two keepalived, two agents. Sourced by `run` and by Tests/failover.
#
#                     bridge lan 192.168.10.0/24            bridge wan 203.0.113.0/24
#      lan .10 ───────────┬── r1 .2 (lan0)    (wan0) .2 ──┬─────────── wan .10
#                         │       │ sync0 10.99.0.1       │
#                         │       │ sync0 10.99.0.2       │
#                         └── r2 .3 (lan0)    (wan0) .3 ──┘
#
# 192.168.10.1 and 203.0.113.1 are the virtual addresses of one sync group; with LAB_IPV6 there are fd00:10::/64 and
# fd00:203::/64 beside them, with the same host numbers. Everything lives in five namespaces
# and one directory of this run; nothing outside them is touched, and lab_destroy ends processes by their id.
#
# Whoever sources this calls `lab_create`, then any of the functions below; the lab is removed when the shell exits.

LAB_AGENT=${LAB_AGENT:-ctsync-ha}           # ctsync-ha, conntrackd (comparison.sh) or none
LAB_ADVERT_INT=${LAB_ADVERT_INT:-0.1}       # seconds between two VRRP advertisements
LAB_SNAT_FLAGS=${LAB_SNAT_FLAGS:-}          # fully-random, for instance
LAB_TCP_LOOSE=${LAB_TCP_LOOSE:-0}           # 1: a router picks up flows that it does not hold
LAB_HOOK=${LAB_HOOK:-line}                  # line or scripts: the two forms of Hooks/keepalived
LAB_STANDBY=${LAB_STANDBY:-}                # hot or cold; empty: as the agents are by themselves
LAB_AGENT_CONFIG=${LAB_AGENT_CONFIG:-}      # further lines for the agents' configuration
LAB_PROTOCOLS=${LAB_PROTOCOLS:-tcp,udp,icmp} # what the agents take; all: no filter
LAB_IPV6=${LAB_IPV6:-}                      # set: IPv6 as well
LAB_TRACK_FILE=${LAB_TRACK_FILE:-}          # set: r1 preempts, and keepalived follows the agents' readiness
# What the agents are told of; empty: they read keepalived's file.
LAB_VIRTUAL_ADDRESSES=${LAB_VIRTUAL_ADDRESSES-192.168.10.1 203.0.113.1${LAB_IPV6:+ fd00:10::1 fd00:203::1}}
LAB_CONNECTION_PORT=7000
LAB_NODES=(lan wan r1 r2 net)
LAB_DIR=
LAB_KEEP=

lab_source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_BIN=${LAB_BIN:-$lab_source_dir/.build/release}

# The namespace of a node.
lab_ns() { printf 'ctlab-%s-%s' "${LAB_DIR##*.}" "$1"; }

# Runs a command in a node.
lab_in() {
    local node=$1
    shift
    ip netns exec "$(lab_ns "$node")" "$@"
}

# Runs the agent's command line against a node's agent.
lab_agent() {
    local node=$1 subcommand=$2
    shift 2
    lab_in "$node" "$LAB_BIN/ctsync-ha" "$subcommand" --socket "$LAB_DIR/$node/control.sock" "$@"
}

# Milliseconds since 1970.
lab_now() {
    local now=${EPOCHREALTIME/[^0-9]/}
    printf '%s' $((now / 1000))
}

# Waits until a command succeeds: lab_wait SECONDS WHAT COMMAND...; false when the time is over.
lab_wait() {
    local deadline=$(($(lab_now) + $1 * 1000)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if (($(lab_now) > deadline)); then
            echo "waited in vain for: $what" >&2
            return 1
        fi
        sleep 0.05
    done
}

# Makes the directory, the namespaces and the links; the lab goes when the shell exits.
lab_create() {
    LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/ctsync-lab.XXXXXX")
    trap lab_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    local node
    for node in "${LAB_NODES[@]}"; do
        mkdir "$LAB_DIR/$node"
        ip netns add "$(lab_ns "$node")"
        ip -n "$(lab_ns "$node")" link set lo up
        # Addresses must be there at once, link-local ones too: without them a neighbour is not even asked for.
        [[ -z $LAB_IPV6 ]] ||
            lab_in "$node" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    done
    lab_make_bridge lan
    lab_make_bridge wan
    lab_make_host lan 192.168.10 "default via 192.168.10.1"
    lab_make_host wan 203.0.113 "203.0.113.0/24 dev wan0"
    ip link add name sync0 netns "$(lab_ns r1)" type veth peer name sync0 netns "$(lab_ns r2)"
    lab_make_router r1 2 1
    lab_make_router r2 3 2
}

lab_make_bridge() {
    local ns
    ns=$(lab_ns net)
    # No snooping: VRRP's multicast must reach both routers from the first advertisement on.
    ip -n "$ns" link add "$1" type bridge mcast_snooping 0
    ip -n "$ns" link set "$1" up
}

# Joins a node to a bridge: lab_plug NODE BRIDGE.
lab_plug() {
    local net
    net=$(lab_ns net)
    ip link add name "$2"0 netns "$(lab_ns "$1")" type veth peer name "$2-$1" netns "$net"
    ip -n "$net" link set "$2-$1" master "$2" up
    ip -n "$(lab_ns "$1")" link set "$2"0 up
}

# A host, and its way out: 80 ms instead of 200 ms before the first retransmission, so that a measured silence is
# the path's and not the back-off's.
lab_make_host() {
    local node=$1 network=$2 route=$3
    lab_plug "$node" "$node"
    ip -n "$(lab_ns "$node")" address add "$network.10/24" dev "$node"0
    # shellcheck disable=SC2086 # a route is several words
    ip -n "$(lab_ns "$node")" route replace $route rto_min 80ms
    [[ -z $LAB_IPV6 ]] || lab_make_host6 "$node"
}

lab_make_host6() {
    local ns network=fd00:10
    [[ $1 == lan ]] || network=fd00:203
    ns=$(lab_ns "$1")
    ip -n "$ns" address add "$network::10/64" dev "$1"0 nodad
    [[ $1 == wan ]] || ip -n "$ns" route replace default via "$network::1" rto_min 80ms
}

lab_make_router6() {
    local ns
    ns=$(lab_ns "$1")
    lab_in "$1" sysctl -qw net.ipv6.conf.all.forwarding=1
    ip -n "$ns" address add "fd00:10::$2/64" dev lan0 nodad
    ip -n "$ns" address add "fd00:203::$2/64" dev wan0 nodad
}

lab_make_router() {
    local node=$1 host=$2 sync=$3 ns
    ns=$(lab_ns "$node")
    lab_in "$node" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    lab_plug "$node" lan
    lab_plug "$node" wan
    ip -n "$ns" address add "192.168.10.$host/24" dev lan0
    ip -n "$ns" address add "203.0.113.$host/24" dev wan0
    ip -n "$ns" address add "10.99.0.$sync/24" dev sync0
    ip -n "$ns" link set sync0 up
    [[ -z $LAB_IPV6 ]] || lab_make_router6 "$node" "$host"
    lab_ruleset | lab_in "$node" nft -f -
    # tcp_loose 0, unless said: a flow that a router does not hold stays dead, so that every missing entry shows.
    # events 1: flows that begin while no agent listens still make events later (Units/ctsync-ha.sysctl).
    lab_in "$node" sysctl -qw net.netfilter.nf_conntrack_tcp_loose="$LAB_TCP_LOOSE" net.netfilter.nf_conntrack_events=1
}

# The same on both routers. The input chain drops what it does not know: a packet for the virtual address without
# an entry must never be answered by a reset.
lab_ruleset() {
    cat <<RULES
table ip lab {
    counter invalid { }
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr 203.0.113.1 tcp dport 7080 dnat to 192.168.10.10:7000
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan0" ip saddr 192.168.10.0/24 snat to 203.0.113.1 $LAB_SNAT_FLAGS
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state invalid counter name invalid drop
        meta l4proto tcp ct mark set 0x1
        meta l4proto udp ct mark set 0x2
        meta l4proto icmp ct mark set 0x3
        iifname "lan0" ct state new accept
        ct status dnat accept
    }
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iifname "lo" accept
        ip protocol { icmp, vrrp } accept
        iifname "sync0" udp dport 3780 accept
    }
}
RULES
}

# Starts a process in a node: lab_start NODE NAME COMMAND...; its output goes to NODE/NAME.log.
lab_start() {
    local node=$1 name=$2
    shift 2
    # A temporary directory of its own: keepalived writes its dumps under a fixed name there.
    TMPDIR=$LAB_DIR/$node ip netns exec "$(lab_ns "$node")" "$@" >>"$LAB_DIR/$node/$name.log" 2>&1 </dev/null &
    echo $! >"$LAB_DIR/$node/$name.pid"
}

# Ends a process of the lab and waits for it: lab_stop NODE NAME [SIGNAL].
lab_stop() {
    local pid
    [[ -s $LAB_DIR/$1/$2.pid ]] || return 0
    pid=$(<"$LAB_DIR/$1/$2.pid")
    rm -f "$LAB_DIR/$1/$2.pid"
    kill -s "${3:-TERM}" "$pid" 2>/dev/null || return 0
    # The shell reports a child that died of a signal; here that is no news.
    { wait "$pid" || true; } 2>/dev/null
}

lab_start_keepalived() {
    local node=$1 dir=$LAB_DIR/$1
    lab_keepalived_config "$node" >"$dir/keepalived.conf"
    lab_start "$node" keepalived keepalived --dont-fork --vrrp --log-console --log-detail \
        --use-file "$dir/keepalived.conf" --pid "$dir/keepalived-parent.pid" --vrrp_pid "$dir/keepalived-vrrp.pid"
}

lab_keepalived_config() {
    local node=$1 priority=100 network
    [[ $node == r1 ]] && priority=150
    cat <<CONF
global_defs {
    router_id $node
    vrrp_version 3
    script_user root
    # Of two masters that meet again the one that stays need not announce itself, and hosts would go on to the other.
    vrrp_garp_master_refresh 4
}
$([[ -z $LAB_TRACK_FILE ]] || lab_track_file "$node")
vrrp_sync_group lab {
    group { lan wan }
$([[ -z $LAB_TRACK_FILE ]] || printf "    track_file {\n        ready\n    }\n")
$(lab_hooks "$node")
}
CONF
    for network in lan,192.168.10.1,51,fd00:10::1 wan,203.0.113.1,52,fd00:203::1; do
        IFS=, read -r link address id address6 <<<"$network"
        cat <<CONF
vrrp_instance $link {
    state BACKUP
    $([[ $LAB_TRACK_FILE ]] || echo nopreempt)
    interface ${link}0
    virtual_router_id $id
    priority $priority
    advert_int $LAB_ADVERT_INT
    virtual_ipaddress { $address/24 dev ${link}0 }
    ${LAB_IPV6:+$(lab_second_addresses "$address6" "${link}0")}
}
CONF
    done
}

# Whoever holds the flows wins the election: the agent writes the number.
lab_track_file() { printf 'track_file ready {\n    file %s\n    weight 1\n    init_file 0\n}\n' "$LAB_DIR/$1/ready"; }

# An instance announces addresses of one family; the other one moves with them unannounced.
lab_second_addresses() { echo "virtual_ipaddress_excluded { $1/64 dev $2 }"; }

# A script that notes when keepalived said what: lines of `milliseconds STATE` in NODE/transitions.
lab_stamp_script() {
    local script=$LAB_DIR/$1/stamp
    cat >"$script" <<SCRIPT
#!/bin/bash
LC_ALL=C
now=\${EPOCHREALTIME/./}
echo "\$((now / 1000)) \$3" >>'$LAB_DIR/$1/transitions'
SCRIPT
    chmod 755 "$script"
    printf '%s' "$script"
}

# The lines of the sync group that tell the agent, in either form, and our own stamp in the other one.
lab_hooks() {
    local node=$1 state stamp hook
    stamp=$(lab_stamp_script "$node")
    hook="/usr/bin/env CTSYNC_HA=$LAB_BIN/ctsync-ha CTSYNC_HA_SOCKET=$LAB_DIR/$node/control.sock"
    hook+=" $lab_source_dir/Hooks/keepalived/keepalived-notify"
    if [[ $LAB_AGENT == ctsync-ha && $LAB_HOOK == scripts ]]; then
        for state in master backup fault stop; do echo "    notify_$state \"$hook $state lab\""; done
        echo "    notify \"$stamp\""
        return
    fi
    for state in master backup fault; do echo "    notify_$state \"$stamp GROUP lab ${state^^}\""; done
    case $LAB_AGENT in
    ctsync-ha) echo "    notify \"$LAB_BIN/ctsync-ha notify --socket $LAB_DIR/$node/control.sock\"" ;;
    conntrackd) comparison_notify "$node" ;;
    none) ;;
    esac
}

# The last state that keepalived announced on a node, and when.
lab_keepalived_state() { tail -n 1 "$LAB_DIR/$1/transitions" 2>/dev/null | cut -d ' ' -f 2; }
lab_keepalived_is() { [[ $(lab_keepalived_state "$1") == "$2" ]]; }
lab_announced_at() { grep " $2\$" "$LAB_DIR/$1/transitions" | tail -n 1 | cut -d ' ' -f 1; }

lab_start_agent() {
    local node=$1
    case $LAB_AGENT in
    ctsync-ha)
        lab_agent_config "$node" >"$LAB_DIR/$node/ctsync-ha.conf"
        lab_start "$node" agent "$LAB_BIN/ctsync-ha" run --config "$LAB_DIR/$node/ctsync-ha.conf"
        ;;
    conntrackd) comparison_start "$node" ;;
    none) return 0 ;;
    esac
    lab_wait 10 "the agent of $node" lab_agent_started "$node" || true
    lab_agent_answers "$node" >/dev/null 2>&1 && return
    echo "the agent of $node does not answer; its last words:" >&2
    tail -n 5 "$LAB_DIR/$node/agent.log" >&2
    return 1
}

# Whether a node's agent answers, or never will.
lab_agent_started() { [[ ! -d /proc/$(<"$LAB_DIR/$1/agent.pid") ]] || lab_agent_answers "$1"; }

lab_agent_answers() {
    case $LAB_AGENT in
    ctsync-ha) lab_agent "$1" status ;;
    conntrackd) comparison_answers "$1" ;;
    esac
}

lab_agent_config() {
    local self=1 peer=2 address
    [[ $1 == r2 ]] && self=2 peer=1
    cat <<CONF
node-name $1
accept-protocol $LAB_PROTOCOLS
ignore-address 10.99.0.0/24
interface sync0 {
    peer 10.99.0.$peer
    port 3780
}
listen-address 10.99.0.$self
failover-mechanism {
    vrrp {
        sync-group lab
    }
}
$(for address in $LAB_VIRTUAL_ADDRESSES; do echo "virtual-address $address"; done)
keepalived {
    config $LAB_DIR/$1/keepalived.conf
    ${LAB_TRACK_FILE:+track-file $LAB_DIR/$1/ready}
}
control-socket $LAB_DIR/$1/control.sock
state-directory $LAB_DIR/$1
${LAB_STANDBY:+standby $LAB_STANDBY}
$LAB_AGENT_CONFIG
CONF
}

# Restarts a node's agent after a signal: lab_restart_agent NODE TERM|KILL.
lab_restart_agent() {
    lab_stop "$1" agent "$2"
    lab_start_agent "$1"
}

# Starts everything on both routers and waits until r1 is master and r2 its backup.
lab_start_routers() {
    local node
    for node in r1 r2; do
        lab_keepalived_config "$node" >"$LAB_DIR/$node/keepalived.conf"
        lab_start_agent "$node"
    done
    lab_start_keepalived r1
    lab_wait 15 "keepalived to make r1 master" lab_keepalived_is r1 MASTER
    lab_start_keepalived r2
    lab_wait 15 "keepalived to make r2 backup" lab_keepalived_is r2 BACKUP
    lab_start_server
}

# Whether a node's agent says that all its peers are in sync with it.
lab_in_sync() {
    case $LAB_AGENT in
    ctsync-ha)
        lab_agent "$1" status --json | jq -e '(.peers | length) > 0 and all(.peers[]; .in_sync == true)' >/dev/null
        ;;
    conntrackd) comparison_in_sync "$1" ;;
    none) ;;
    esac
}

# Whether the agents agree with keepalived on the master and both say that they are in sync.
lab_pair_ready() {
    local master=r1
    lab_keepalived_is r1 MASTER || master=r2
    lab_role_is $master master && lab_in_sync r1 && lab_in_sync r2
}

# Whether a node's agent has this role.
lab_role_is() {
    case $LAB_AGENT in
    ctsync-ha) lab_agent "$1" status --json | jq -e --arg role "$2" '.role == $role' >/dev/null ;;
    *) lab_keepalived_is "$1" "${2^^}" ;;
    esac
}

# Cuts a router off both networks at once; the sync link stays. Prints the moment.
lab_cut() {
    lab_now
    printf 'link set lan-%s down\nlink set wan-%s down\n' "$1" "$1" | ip -n "$(lab_ns net)" -batch -
}

# Plugs a router in again.
lab_restore() {
    printf 'link set lan-%s up\nlink set wan-%s up\n' "$1" "$1" | ip -n "$(lab_ns net)" -batch -
}

# Makes a router lose every Nth datagram of the sync link on arrival, by chance: lab_drop NODE PERCENT.
lab_drop() {
    lab_in "$1" nft -f - <<RULES
table ip loss {
    chain loss {
        type filter hook prerouting priority raw; policy accept;
        iifname "sync0" udp dport 3780 numgen random mod 100 < $2 counter drop
    }
}
RULES
}

# The number of flows in a node's kernel table.
lab_table_size() { lab_in "$1" sysctl -n net.netfilter.nf_conntrack_count; }

# Starts the far end, for `lab pingpong` and `lab mix`.
lab_start_server() {
    lab_start wan server "$LAB_BIN/lab" server --port $LAB_CONNECTION_PORT ${LAB_IPV6:+--address ::}
    lab_wait 5 "the echo server" grep -q listening "$LAB_DIR/wan/server.log"
}

# Opens connections from lan to wan through the SNAT, a named set of them:
# lab_open_connections NAME COUNT [OPTION-OF-PINGPONG...]. They exchange messages until lab_close_connections.
lab_open_connections() {
    local name=$1 count=$2
    shift 2
    rm -f "$LAB_DIR/lan/$name.json" "$LAB_DIR/lan/$name.log"
    lab_start lan "$name" "$LAB_BIN/lab" pingpong --address 203.0.113.10 --port $LAB_CONNECTION_PORT \
        --connections "$count" --duration 3600 --report "$LAB_DIR/lan/$name.json" "$@"
    lab_wait 15 "$count connections" grep -q "opened $count of $count" "$LAB_DIR/lan/$name.log"
}

# How many progress lines a set of connections has written, one a second.
lab_progress() { wc -l <"$LAB_DIR/lan/$1.log"; }

# Whether all connections of a set answered in a second that began after a mark: lab_all_answer NAME COUNT MARK, the
# mark taken with lab_progress.
lab_all_answer() {
    (($(lab_progress "$1") >= $3 + 2)) && tail -n 1 "$LAB_DIR/lan/$1.log" | grep -q " $2 of $2 answering"
}

# Ends a set of connections; its report is then in lan/NAME.json.
lab_close_connections() { lab_stop lan "$1"; }

# A figure of a set's report, by its jq path: lab_figure NAME PATH.
lab_figure() { jq -r "$2" "$LAB_DIR/lan/$1.json"; }

# Removes the lab, unless it is to be kept.
lab_exit() {
    local status=$?
    trap '' INT TERM HUP
    [[ -n $LAB_KEEP ]] || lab_destroy
    exit "$status"
}

# Ends the processes in the lab's namespaces, then removes the namespaces and the directory.
lab_destroy() {
    [[ -n $LAB_DIR && -d $LAB_DIR ]] || return 0
    local node attempt signal=TERM
    for attempt in {1..40}; do
        ((attempt == 20)) && signal=KILL
        lab_signal_all $signal || break
        sleep 0.1
    done
    # The shell would tell of children that had to be killed.
    { wait || true; } 2>/dev/null
    for node in "${LAB_NODES[@]}"; do
        ip netns delete "$(lab_ns "$node")" 2>/dev/null || true
    done
    rm -rf "$LAB_DIR"
}

# Signals whatever runs in the lab's namespaces; false when nothing does.
lab_signal_all() {
    local node pid found=1
    for node in "${LAB_NODES[@]}"; do
        for pid in $(ip netns pids "$(lab_ns "$node")" 2>/dev/null); do
            kill -s "$1" "$pid" 2>/dev/null && found=0
        done
    done
    return $found
}
