# shellcheck shell=bash
# What the failover tests share. A test is a file that says in one line, `proves`, what it proves; it sources this,
# makes the lab and ends with status 0 if it holds. LAB_AGENT=conntrackd runs it with conntrackd, for comparison.
set -Eeuo pipefail
export LC_ALL=C
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# An election that a busy machine does not disturb; the figures are the example's business.
LAB_ADVERT_INT=${LAB_ADVERT_INT:-0.2}
# shellcheck source=Examples/two-routers/topology.sh
source "$root/Examples/two-routers/topology.sh"
# shellcheck source=Examples/two-routers/comparison.sh
source "$root/Examples/two-routers/comparison.sh"

# What this file proves, in a sentence.
proves() { echo "$*"; }

# Notes a step, with the seconds since the start.
note() { printf '  [%3ds] %s\n' "$SECONDS" "$*"; }

# Ends the test with what the agents and keepalived said last.
fail() {
    trap - ERR
    echo "FAILED: $*"
    local node log
    for node in r1 r2; do
        for log in agent keepalived; do
            [[ -s $LAB_DIR/$node/$log.log ]] || continue
            echo "--- $node, $log, last lines"
            grep -v gratuitous "$LAB_DIR/$node/$log.log" | tail -n 12
        done
        [[ $LAB_AGENT != ctsync-ha ]] || timeout 5 "$LAB_BIN/ctsync-ha" status --socket "$LAB_DIR/$node/control.sock" || true
    done
    [[ ! -s $LAB_DIR/lan/pingpong.log ]] || tail -n 3 "$LAB_DIR/lan/pingpong.log"
    exit 1
}

# Waits, or fails the test: within SECONDS WHAT COMMAND...
within() { lab_wait "$@" 2>/dev/null || fail "not within $1 s: $2"; }

other() { if [[ $1 == r1 ]]; then echo r2; else echo r1; fi; }

# Mixed traffic for some seconds, in the background: start_mix RATE SECONDS; `lab_stop lan mix` ends it.
start_mix() {
    lab_start lan mix "$LAB_BIN/lab" mix --address 203.0.113.10 --port $LAB_CONNECTION_PORT --rate "$1" --duration "$2"
}

# Cuts the master off, waits for the other one and for all the connections: fail_over MASTER CONNECTIONS.
fail_over() {
    local master=$1 next mark
    next=$(other "$1")
    mark=$(lab_progress)
    lab_cut "$master" >/dev/null
    within 15 "keepalived makes $next master" lab_keepalived_is "$next" MASTER
    within 30 "the agent of $next is master" lab_role_is "$next" master
    within 10 "all $2 connections answer through $next" lab_all_answer "$2" "$mark"
}

# Plugs a router in again and waits until it can be failed over to.
rejoin() {
    lab_restore "$1"
    within 15 "keepalived makes $1 backup" lab_keepalived_is "$1" BACKUP
    within 30 "both agents in sync" lab_both_in_sync
}

# Ends the connections and fails the test unless all are alive.
expect_all_alive() {
    lab_close_connections
    local survivors
    survivors=$(lab_figure .survivors)
    ((survivors == $1)) || fail "$survivors of $1 connections alive: $(<"$LAB_DIR/lan/report.json")"
    note "all $1 alive, longest silence $(lab_figure .longest_silence_ms.max) ms"
}
