#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "A control socket belongs to one agent: a second one is refused, and the socket of a killed one is replaced."

pair_create
pair_start r1
first=$(<"$LAB_DIR/r1/agent.pid")
[[ $(stat -c %a "$LAB_DIR/r1/control.sock") == 660 ]] || fail "the control socket has another mode than 0660"
[[ $(stat -c %a "$LAB_DIR/r1/notify.sock") == 666 ]] || fail "the notify socket has another mode than 0666"

cp "$LAB_DIR/r1/agent.log" "$LAB_DIR/first.log"
start_fails "another agent is running: it answers on $LAB_DIR/r1/control.sock; stop it, or set control-socket"
ends_with 0 lab_agent r1 status
[[ $(grep -c . "$LAB_DIR/r1/incarnation") == 1 ]] || fail "the refused agent touched the state"

note "killed: its sockets stay, and the next one replaces them"
echo "$first" >"$LAB_DIR/r1/agent.pid"
lab_stop r1 agent KILL
[[ -S $LAB_DIR/r1/control.sock ]] || fail "a killed agent leaves no socket"
ends_with 3 lab_agent r1 status
says "the agent is not running"
pair_start r1
ends_with 0 lab_agent r1 role master

note "ended: its sockets are gone"
lab_stop r1 agent
[[ ! -e $LAB_DIR/r1/control.sock && ! -e $LAB_DIR/r1/notify.sock ]] || fail "the sockets stay behind"
ends_with 3 lab_agent r1 status

note "a group of its own"
echo "control-group daemon" >>"$LAB_DIR/r1/ctsync-ha.conf"
pair_start r1
[[ $(stat -c %G "$LAB_DIR/r1/control.sock") == daemon ]] || fail "the control socket is of another group"
ends_with 0 lab_in r1 setpriv --reuid $nobody --regid $nobody --groups "$(getent group daemon | cut -d : -f 3)" \
    "$LAB_BIN/ctsync-ha" status --socket "$LAB_DIR/r1/control.sock"
ends_with 1 lab_in r1 setpriv --reuid $nobody --regid $nobody --clear-groups \
    "$LAB_BIN/ctsync-ha" status --socket "$LAB_DIR/r1/control.sock"
says "no permission to use .*; be root, or in the group that .control-group. names"
