# shellcheck shell=bash
# What the agent's tests share: two nodes, r1 and r2, each a namespace of its own, joined by the sync link alone.
# No keepalived: roles are ordered. A test is a file that says in one line, `proves`, what it proves; it sources this,
# calls pair_create and ends with status 0 if it holds.
set -Eeuo pipefail
export LC_ALL=C
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=Examples/two-routers/topology.sh
source "$root/Examples/two-routers/topology.sh"
LAB_NODES=(r1 r2)
# Whoever may not.
# shellcheck disable=SC2034 # the tests use it
nobody=65534
# An interpreter that every user may run: one of root's own may lie where nobody else can go.
python=$(PATH=/usr/bin:/bin:$PATH command -v python3)

# What this file proves, in a sentence.
proves() { echo "$*"; }

# Notes a step, with the seconds since the start.
note() { printf '  [%3ds] %s\n' "$SECONDS" "$*"; }

# Ends the test with what the agents said last.
fail() {
    trap - ERR
    echo "FAILED: $*"
    local node
    for node in r1 r2; do
        [[ ! -s $LAB_DIR/$node/agent.log ]] || { echo "--- $node, last lines" && tail -n 12 "$LAB_DIR/$node/agent.log"; }
    done
    exit 1
}

# Waits, or fails the test: within SECONDS WHAT COMMAND...
within() { lab_wait "$@" 2>/dev/null || fail "not within $1 s: $2"; }

# Runs a command, keeps its exit code in `code` and what it printed in `printed` and `said` (stderr), and fails the
# test unless it ends with one of these codes: ends_with CODE[,CODE] COMMAND...
ends_with() {
    local wanted=$1
    shift
    code=0
    printed=$("$@" 2>"$LAB_DIR/stderr") || code=$?
    said=$(<"$LAB_DIR/stderr")
    [[ ,$wanted, == *",$code,"* ]] || fail "exit code $code instead of $wanted: $* :: $printed :: $said"
}

# Fails the test unless the last command's stderr, or a text, has a pattern: says PATTERN [TEXT].
says() { grep -qE -- "$1" <<<"${2-$said}" || fail "no /$1/ in: ${2-$said}"; }

pair_create() {
    LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/ctsync-pair.XXXXXX")
    # Like /run/ctsync-ha: open to pass, the sockets have modes of their own.
    chmod 755 "$LAB_DIR"
    trap lab_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    # Every user may run what lies here, wherever it was built.
    mkdir -m 755 "$LAB_DIR/bin"
    install -m 755 "$LAB_BIN/ctsync-ha" "$LAB_BIN/lab" "$LAB_DIR/bin/"
    LAB_BIN=$LAB_DIR/bin
    local node
    for node in "${LAB_NODES[@]}"; do
        mkdir -m 755 "$LAB_DIR/$node"
        ip netns add "$(lab_ns "$node")"
        ip -n "$(lab_ns "$node")" link set lo up
        pair_ruleset | lab_in "$node" nft -f -
        lab_in "$node" sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0 net.netfilter.nf_conntrack_events=1
        lab_agent_config "$node" >"$LAB_DIR/$node/ctsync-ha.conf"
    done
    pair_join
}

# The sync link. 198.51.100.0/24 are the nodes' own addresses besides, for flows of their own.
pair_join() {
    ip link add name sync0 netns "$(lab_ns r1)" type veth peer name sync0 netns "$(lab_ns r2)"
    local node number=1
    for node in r1 r2; do
        ip -n "$(lab_ns $node)" address add 10.99.0.$number/24 dev sync0
        ip -n "$(lab_ns $node)" address add 198.51.100.$number/24 dev sync0
        ip -n "$(lab_ns $node)" link set sync0 up
        number=2
    done
}

pair_ruleset() {
    cat <<'RULES'
table ip pair {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iifname "lo" accept
        iifname "sync0" udp dport 3780 accept
        iifname "sync0" tcp dport 7000 ct state new accept
        iifname "sync0" ip protocol icmp accept
    }
}
RULES
}

# Starts a node's agent as it is configured now, without waiting for it; its command comes before, if there is one:
# pair_launch NODE [COMMAND...].
pair_launch() {
    local node=$1
    shift
    lab_start "$node" agent "$@" "$LAB_BIN/ctsync-ha" run --config "$LAB_DIR/$node/ctsync-ha.conf"
}

pair_start() {
    pair_launch "$@"
    within 10 "the agent of $1 serves" pair_is_ready "$1"
}

pair_is_ready() { lab_agent "$1" status --json | jq -e '.role != "starting"'; }

pair_in_sync() { lab_in_sync r1 && lab_in_sync r2; }

# Starts both, r1 as master, and waits until they are in sync.
pair_start_both() {
    pair_start r1
    pair_start r2
    ends_with 0 lab_agent r1 role master
    ends_with 0 lab_agent r2 role backup
    within 15 "both agents in sync" pair_in_sync
}

# Waits for an agent that ends by itself and fails the test unless it ends with this code: pair_ends NODE CODE.
pair_ends() {
    local pid status=0 attempt
    pid=$(<"$LAB_DIR/$1/agent.pid")
    for attempt in {1..100}; do
        # Ended, whether this shell has noticed or not.
        grep -q '^State:.[^Z]' "/proc/$pid/status" 2>/dev/null || break
        ((attempt < 100)) || fail "the agent of $1 does not end"
        sleep 0.1
    done
    { wait "$pid" || status=$?; } 2>/dev/null
    rm -f "$LAB_DIR/$1/agent.pid"
    ((status == $2)) || fail "the agent of $1 ended with $status instead of $2"
}

# Starts an agent that must not start; fails the test unless it ends with 1 and says so: start_fails PATTERN.
start_fails() {
    : >"$LAB_DIR/r1/agent.log"
    pair_launch r1
    pair_ends r1 1
    says "$1" "$(<"$LAB_DIR/r1/agent.log")"
    note "$(tail -n 1 "$LAB_DIR/r1/agent.log" | cut -d ' ' -f 2-)"
}

role_of() { lab_agent "$1" status --json | jq -r .role; }
term_of() { lab_agent "$1" status --json | jq -r .term; }
internal_of() { lab_agent "$1" status --json | jq -r .caches.internal.flows; }
external_of() { lab_agent "$1" status --json | jq -r .caches.external.flows; }
counter_of() { lab_agent "$1" status --json | jq -r --arg name "$2" '.counters[$name] // 0'; }
internal_is() { (($(internal_of "$1") == $2)); }
external_is() { (($(external_of "$1") == $2)); }

# The processor time that a node's agent has used, in hundredths of a second.
ticks_of() { awk '{ print $14 + $15 }' "/proc/$(<"$LAB_DIR/$1/agent.pid")/stat"; }

# Fails the test if an agent is busy with nothing: a loop that never rests would use most of the two seconds.
expect_idle() {
    local before after
    before=$(ticks_of "$1")
    sleep 2
    after=$(ticks_of "$1")
    ((after - before < 60)) || fail "the agent of $1 used $((after - before)) ticks in 2 s: $2"
}

# Puts flows into a node's table as packets would: by other hands than the agent's.
put_flows() {
    local node=$1 first=$2 count=$3 number
    for ((number = first; number < first + count; number++)); do
        printf -- '-I -p tcp -s 192.168.10.10 -d 203.0.113.10 --sport %d --dport 80 -t 3600 --state ESTABLISHED -u ASSURED,SEEN_REPLY\n' \
            $((10000 + number))
    done >"$LAB_DIR/flows"
    lab_in "$node" conntrack -R "$LAB_DIR/flows" >/dev/null 2>&1
}

kernel_count() { lab_in "$1" conntrack -L 2>/dev/null | grep -c '192.168.10.10' || true; }

probe() { lab_in "$1" "$python" "$root/Tests/agent/probe.py" "${@:2}"; }
