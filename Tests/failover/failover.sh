# shellcheck shell=bash
# What the failover tests share. A test is a file that says in one line, `proves`, what it proves; it sources this,
# makes the lab and ends with status 0 if it holds. LAB_AGENT=conntrackd runs it with conntrackd, for comparison.
set -Eeuo pipefail
export LC_ALL=C
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Failures are told on the test's own output, wherever a function's output goes.
exec 3>&1
# An election that a busy machine does not disturb; the figures are the example's business.
LAB_ADVERT_INT=${LAB_ADVERT_INT:-0.2}
# shellcheck source=Examples/two-routers/topology.sh
source "$root/Examples/two-routers/topology.sh"
# shellcheck source=Examples/two-routers/comparison.sh
source "$root/Examples/two-routers/comparison.sh"

# An interpreter of the system: one of root's own may lie where nobody else can go.
# shellcheck disable=SC2034 # tests use it
python=$(PATH=/usr/bin:/bin:$PATH command -v python3)

if [[ ! -x $LAB_BIN/lab || ($LAB_AGENT == ctsync-ha && ! -x $LAB_BIN/ctsync-ha) ]]; then
    echo "build first: swift build -c release --static-swift-stdlib" >&2
    exit 1
fi

# What this file proves, in a sentence.
proves() { echo "$*"; }

# Notes a step, with the seconds since the start.
note() { printf '  [%3ds] %s\n' "$SECONDS" "$*"; }

# Ends the test with what the agents and keepalived said last.
fail() {
    trap - ERR
    exec >&3 2>&3
    echo "FAILED: $*"
    local node log
    for node in r1 r2; do
        for log in agent keepalived; do
            [[ -s $LAB_DIR/$node/$log.log ]] || continue
            echo "--- $node, $log, last lines"
            grep -v gratuitous "$LAB_DIR/$node/$log.log" | tail -n 12
        done
        [[ $LAB_AGENT == ctsync-ha ]] || continue
        timeout 5 "$LAB_BIN/ctsync-ha" status --socket "$LAB_DIR/$node/control.sock" || true
    done
    tail -n 3 "$LAB_DIR"/lan/*.log
    exit 1
}

# Waits, or fails the test: within SECONDS WHAT COMMAND...
within() { lab_wait "$@" 2>/dev/null || fail "not within $1 s: $2"; }

other() { if [[ $1 == r1 ]]; then echo r2; else echo r1; fi; }

# A node hears nothing on the sync link, or hears again; the carrier stays up, so nobody is told.
cut_sync() {
    lab_in "$1" nft add table ip cut
    lab_in "$1" nft add chain ip cut cut '{ type filter hook prerouting priority raw; policy accept; }'
    lab_in "$1" nft add rule ip cut cut iifname sync0 udp dport 3780 drop
}
mend_sync() { lab_in "$1" nft delete table ip cut; }

# Kills both processes of a node's keepalived and waits until they are gone; the addresses may stay.
kill_keepalived() {
    local vrrp
    vrrp=$(<"$LAB_DIR/$1/keepalived-vrrp.pid")
    lab_stop "$1" keepalived KILL
    kill -s KILL "$vrrp" 2>/dev/null || true
    within 5 "keepalived of $1 is gone" test ! -d "/proc/$vrrp"
}

# Mixed traffic for some seconds, in the background: start_mix RATE SECONDS; `lab_stop lan mix` ends it.
start_mix() {
    lab_start lan mix "$LAB_BIN/lab" mix --address 203.0.113.10 --port $LAB_CONNECTION_PORT --rate "$1" --duration "$2"
}

# The open sets of connections and their sizes.
declare -A open_sets=()
export silence=

# Opens a set of connections: open_connections NAME COUNT [OPTION-OF-PINGPONG...]
open_connections() {
    lab_open_connections "$@"
    open_sets[$1]=$2
}

# Cuts the master off, waits for the other one and for all open connections: fail_over MASTER.
fail_over() {
    local master=$1 next name
    local -A marks=()
    next=$(other "$1")
    for name in "${!open_sets[@]}"; do marks[$name]=$(lab_progress "$name"); done
    lab_cut "$master" >/dev/null
    within 15 "keepalived makes $next master" lab_keepalived_is "$next" MASTER
    within 30 "the agent of $next is master" lab_role_is "$next" master
    for name in "${!open_sets[@]}"; do
        within 10 "all ${open_sets[$name]} connections of set $name answer through $next" \
            lab_all_answer "$name" "${open_sets[$name]}" "${marks[$name]}"
    done
}

# Plugs a router in again and waits until it can be failed over to.
rejoin() {
    lab_restore "$1"
    within 15 "keepalived makes $1 backup" lab_keepalived_is "$1" BACKUP
    within 30 "the pair is ready" lab_pair_ready
}

# Ends a set of connections and fails the test unless all are alive; their longest silence is in `silence`.
expect_all_alive() {
    local name=$1 count=${open_sets[$1]} survivors
    lab_close_connections "$name"
    unset "open_sets[$name]"
    survivors=$(lab_figure "$name" .survivors)
    ((survivors == count)) || fail "$survivors of $count connections alive: $(<"$LAB_DIR/lan/$name.json")"
    silence=$(lab_figure "$name" .longest_silence_ms.max)
}
