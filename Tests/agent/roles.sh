#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "role returns when the role is reached, with a true exit code, and auto gives the decision back."

role() { lab_agent r1 role "$@"; }
role_is() { [[ $(role_of r1) == "$1" ]]; }

pair_create
pair_start_both
lab_in r1 "$LAB_BIN/lab" load --flows 30000 >/dev/null
within 15 "both agents in sync" pair_in_sync
within 15 "r2 holds all" external_is r2 30000

note "r2 takes over: role returns with the flows in the kernel"
ends_with 0 lab_agent r1 role backup
[[ $(role_of r1) == backup ]] || fail "role backup returned before r1 was backup"
ends_with 0 lab_agent r2 role master
[[ $(role_of r2) == master ]] || fail "role master returned before r2 was master"
says "30000 flows, 0 refused" "$printed"
(($(lab_table_size r2) >= 30000)) || fail "role master returned before the kernel had the flows: $(lab_table_size r2)"
takeover=$(lab_agent r2 status --json | jq -c .last_takeover)
note "last takeover: $takeover"
[[ $(jq .flows <<<"$takeover") == 30000 && $(jq .failed <<<"$takeover") == 0 ]] || fail "status tells otherwise: $takeover"
[[ $(lab_agent r2 status --json | jq -r .source) == manual ]] || fail "the source is not manual"

note "each role, and the same once more"
for wanted in fault backup fault backup backup; do
    ends_with 0 role $wanted
    [[ $(role_of r1) == "$wanted" ]] || fail "role $wanted returned when r1 was $(role_of r1)"
done
ends_with 0 role fault
ends_with 0 lab_agent r1 status
says "the operator ordered fault: this node cannot take over" "$printed"
says "ctsync-ha role auto" "$printed"
ends_with 0 role backup --group lab
ends_with 1 role backup --group other
says "unknown group .other.: this agent follows .lab."
ends_with 64 role nonsense
ends_with 64 role
ends_with 3 "$LAB_BIN/ctsync-ha" role --socket "$LAB_DIR/nowhere.sock" master

note "auto: the manager's last word counts again"
ends_with 0 lab_agent r1 notify GROUP lab FAULT 0
within 5 "r1 is fault" role_is fault
ends_with 0 role backup
ends_with 0 role auto
[[ $(role_of r1) == fault ]] || fail "role auto returned when r1 was $(role_of r1)"
[[ $(lab_agent r1 status --json | jq -r .source) == notify ]] || fail "the source is not notify"
ends_with 0 lab_agent r1 notify GROUP lab BACKUP 0
within 5 "r1 is backup" role_is backup

note "a takeover that a manager ends: role tells so"
ends_with 0 lab_agent r2 role backup
{ trap - ERR && lab_agent r1 role master >"$LAB_DIR/waiter" 2>&1; } &
waiter=$!
for _ in {1..40}; do
    [[ -d /proc/$waiter ]] || break
    lab_agent r1 notify GROUP lab BACKUP 0
done
status=0
wait $waiter || status=$?
within 5 "r1 is backup" role_is backup
note "role master ended with $status: $(<"$LAB_DIR/waiter")"
((status <= 1)) || fail "role master ended with $status"
