#!/usr/bin/env bash
# How long a standby takes to come in sync with a master of so many flows, and then to bring them into its kernel at a
# takeover: Tests/Benchmarks/takeover.sh AGENT tcp|snat|tcp6 FLOWS [listening|gone]. The other router's agent either
# listens on or is killed before. Times are the agents' own; the floor is a minimal batched writer of the same flows.
agent=${1:-ctsync-ha-cold} kind=${2:-snat} flows=${3:-100000} peer=${4:-gone}
set --
# shellcheck source=Tests/Benchmarks/measurement.sh
source "$(dirname "$0")/measurement.sh"

start_master() {
    lab_start_agent r1
    [[ $LAB_AGENT != ctsync-ha ]] || lab_agent r1 role master >/dev/null
}

# The standby comes empty.
start_standby() {
    local begin seconds
    begin=$(lab_now)
    lab_start_agent r2
    [[ $LAB_AGENT != ctsync-ha ]] || lab_agent r2 role backup >/dev/null
    await_standby "$flows"
    seconds=$(quotient $(($(lab_now) - begin)) 1000)
    emit bulk "$kind" "$flows" seconds="$seconds" active_bytes="$(quotient "$(private_bytes r1)" "$flows")" \
        standby_bytes="$(quotient "$(private_bytes r2)" "$flows")" asked_again="$asked_again"
}

# What an agent says of its takeover: `flows refused seconds`.
take_over() {
    case $agent in
    ctsync-ha-*)
        lab_agent r2 role master >/dev/null
        lab_agent r2 status --json | jq -r '.last_takeover | "\(.flows) \(.failed) \(.seconds)"'
        ;;
    conntrackd-cold)
        comparison_ask r2 -c
        within 120 "the commit ends" grep -q 'commit has taken' "$LAB_DIR/r2/conntrackd.log"
        comparison_outcome r2
        ;;
    floor) lab_in r2 "$LAB_BIN/benchmark" floor --kind "$kind" --flows "$flows" ;;
    esac
}

lab_create
load_flows r1 "$kind" "$flows"
if [[ $LAB_AGENT != none ]]; then
    start_master
    start_standby
elif [[ $peer == listening ]]; then
    lab_start r1 agent conntrack -E -e NEW
fi
[[ $peer == listening ]] || lab_stop r1 agent KILL
sleep 1
look_around
before=$(cpu_time r2)
read -r written refused seconds < <(take_over)
after=$(cpu_time r2)
look_back
missing=$((flows - $(lab_table_size r2)))
figures=(seconds="$seconds" refused="$refused" missing=$((missing > 0 ? missing : 0)))
if [[ -n $before ]]; then
    figures+=(
        user_us="$(quotient "(${after% *} - ${before% *})" "$flows")"
        system_us="$(quotient "(${after#* } - ${before#* })" "$flows")"
    )
fi
if [[ $agent == ctsync-ha-hot ]]; then
    emit promotion "$kind, peer $peer" "$flows" "${figures[@]}"
else
    emit commit "$kind, peer $peer" "$flows" rate="$(quotient "$written" "$seconds")" "${figures[@]}"
fi
