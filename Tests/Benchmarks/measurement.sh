# shellcheck shell=bash
# What the measurements share. A measurement is a script that makes a lab of its own, prints one line of JSON for each
# thing it measured, and removes the lab; all else goes to stderr. Each can be run alone.
#
# Sourced with `agent` set to the one to measure: ctsync-ha-hot, ctsync-ha-cold, conntrackd-hot (DisableExternalCache),
# conntrackd-cold, or floor, where no agent runs.
exec 4>&1 >&2
# shellcheck disable=SC2034 # topology.sh and comparison.sh use them
case ${agent:?} in
ctsync-ha-hot) LAB_AGENT=ctsync-ha LAB_STANDBY=hot ;;
ctsync-ha-cold) LAB_AGENT=ctsync-ha LAB_STANDBY=cold ;;
conntrackd-hot) LAB_AGENT=conntrackd LAB_CONNTRACKD_HOT=1 ;;
conntrackd-cold) LAB_AGENT=conntrackd ;;
floor) LAB_AGENT=none ;;
*)
    echo "no such agent: $agent"
    exit 64
    ;;
esac
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "${BASH_SOURCE[0]}")/../failover/failover.sh"
load_average=$(cut -d ' ' -f 1 /proc/loadavg)
strangers=0

# Fills a router's table: load_flows NODE KIND FLOWS.
load_flows() { (($3 == 0)) || lab_in "$1" "$LAB_BIN/lab" load --kind "$2" --flows "$3" >/dev/null; }

# The sockets that listen for NEW events: all of the machine, or a node's. A listener in any namespace slows every
# insert. Processes may go while their files are read.
listeners() {
    { cat "$@" 2>/dev/null || true; } | awk '$2 == 12 && $4 ~ /[13579bdf]$/ { print $NF }' | sort -u | wc -l
}
lab_listeners() { lab_in "$1" cat /proc/net/netlink | listeners -; }

# The listeners of others, in whose namespaces ever.
count_strangers() { echo $(($(listeners /proc/[0-9]*/net/netlink) - $(lab_listeners r1) - $(lab_listeners r2))); }

# To be called just before what is measured: gives listeners of others ten seconds to go, and notes who stays.
look_around() {
    local attempt
    for attempt in {1..20}; do
        strangers=$(count_strangers)
        ((strangers > 0 && attempt < 20)) || break
        sleep 0.5
    done
}

# To be called just after what was measured: notes who came.
look_back() {
    local now
    now=$(count_strangers)
    ((now <= strangers)) || strangers=$now
}

# The flows that the standby holds: in its kernel if it is hot, with its own, in its cache if not.
held() {
    case $agent in
    *-hot) lab_table_size r2 ;;
    ctsync-ha-cold) lab_agent r2 status --json | jq .caches.external.flows ;;
    conntrackd-cold) comparison_count r2 external ;;
    esac
}

# Whether the standby holds so many flows and both say that they are in sync: standby_has FLOWS. To ask costs the agents
# time, so the one question that is answered last comes first.
standby_has() {
    (($(held) >= $1)) || return 1
    lab_in_sync r2 && lab_in_sync r1
}

# Waits until the standby has so many flows. conntrackd falls short now and then and never notices: it is asked again,
# as its operator would. `asked_again` counts that.
asked_again=0
await_standby() {
    local seconds=$((30 + $1 / 20000))
    until lab_wait $seconds "the standby holds all flows" standby_has "$1"; do
        if [[ $LAB_AGENT != conntrackd ]] || ((asked_again == 3)); then fail "the standby does not come in sync"; fi
        comparison_ask r2 -n
        asked_again=$((asked_again + 1))
    done
}

# The bytes of memory that nobody shares with a node's agent.
private_bytes() {
    awk '/^Private_Dirty:/ { print $2 * 1024 }' "/proc/$(<"$LAB_DIR/$1/agent.pid")/smaps_rollup"
}

# Microseconds of CPU that a node's agent spent so far: in itself, and in the kernel.
cpu_time() {
    [[ $LAB_AGENT == none ]] || awk -v tick="$((1000000 / $(getconf CLK_TCK)))" '{ print $14 * tick, $15 * tick }' \
        "/proc/$(<"$LAB_DIR/$1/agent.pid")/stat"
}

# Prints a measurement: emit MEASUREMENT CASE FLOWS FIGURE=NUMBER...
emit() {
    local measurement=$1 case=$2 flows=$3
    shift 3
    jq -nc --arg measurement "$measurement" --arg agent "$agent" --arg case "$case" --argjson flows "$flows" \
        --argjson load "$load_average" --argjson strangers "$strangers" \
        '{$measurement, $agent, $case, $flows,
          figures: ($ARGS.positional | map(split("=") | {(.[0]): (.[1] | tonumber)}) | add),
          noise: {$load, $strangers}}' --args "$@" >&4
}

# A quotient: quotient A B.
quotient() { jq -n "($1) / ($2)"; }
