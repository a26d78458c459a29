#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "Who may notify is heard in milliseconds; others, and what is no notification, are refused and change no role."

pair_create
# Whoever script_user names: a number is a user, too.
echo "global_defs { script_user 4242 }" >"$LAB_DIR/r1/keepalived.conf"
pair_start r1

notify() { lab_agent r1 notify "$@"; }
notify_as() {
    local user=$1
    shift
    lab_in r1 setpriv --reuid "$user" --regid "$user" --clear-groups \
        "$LAB_BIN/ctsync-ha" notify --socket "$LAB_DIR/r1/control.sock" "$@"
}
role_is() { [[ $(role_of r1) == "$1" ]]; }
# Fails the test if the role is not what it was.
unchanged() {
    sleep 0.2
    role_is "$1" || fail "the role is $(role_of r1) after: $2"
}

ends_with 0 notify GROUP lab MASTER 150
within 5 "root made r1 master" role_is master
ends_with 0 notify_as 4242 GROUP lab BACKUP 150
within 5 "keepalived's script user made r1 backup" role_is backup
ends_with 0 notify_as 4242 GROUP lab FAULT
within 5 "keepalived's script user made r1 fault" role_is fault
ends_with 0 notify GROUP lab BACKUP 0
within 5 "root made r1 backup" role_is backup
[[ $(lab_agent r1 status --json | jq -r .source) == notify ]] || fail "the source is not notify"
[[ $(stat -c %a "$LAB_DIR/r1") == 755 ]] || fail "the folder is not what it is in production"

note "by keepalived's script user through the hook's script"
install -m 755 "$root/Hooks/keepalived/keepalived-notify" "$LAB_DIR/bin/"
hook_as() {
    local user=$1
    shift
    lab_in r1 setpriv --reuid "$user" --regid "$user" --clear-groups \
        env CTSYNC_HA="$LAB_BIN/ctsync-ha" CTSYNC_HA_SOCKET="$LAB_DIR/r1/control.sock" "$LAB_DIR/bin/keepalived-notify" "$@"
}
ends_with 0 hook_as 4242 master lab
within 5 "the hook made r1 master" role_is master
ends_with 0 hook_as 4242 stop lab
within 5 "the hook made r1 backup" role_is backup
ends_with 1 hook_as "$nobody" master lab
ends_with 64 hook_as 4242 nonsense lab
unchanged backup "the hook of nobody"

note "nobody may not"
for attempt in {1..20}; do
    ends_with 1 notify_as $nobody GROUP lab MASTER 150
    says "notify: user $nobody may not notify: be root, or the user whom keepalived's script_user names"
done
unchanged backup "nobody's notification"
grep -q "a notification was refused: user $nobody" "$LAB_DIR/r1/agent.log" || fail "the journal does not name nobody"
(($(grep -c "user $nobody" "$LAB_DIR/r1/agent.log") < 10)) || fail "nobody fills the journal"
ends_with 1 lab_in r1 setpriv --reuid 4242 --regid 4242 --clear-groups \
    "$LAB_BIN/ctsync-ha" role --socket "$LAB_DIR/r1/notify.sock" master
says "takes notifications only"
ends_with 1 lab_in r1 setpriv --reuid 4242 --regid 4242 --clear-groups \
    "$LAB_BIN/ctsync-ha" role --socket "$LAB_DIR/r1/control.sock" master
says "no permission to use"
unchanged backup "a role ordered where only notifications are taken"

note "what is no notification"
refused() {
    local wanted=$1 pattern=$2
    shift 2
    ends_with "$wanted" notify "$@"
    says "$pattern"
    unchanged backup "notify $*"
}
refused 64 "unknown type .HOST.: expected GROUP or INSTANCE" HOST lab MASTER 150
refused 64 "unknown state .SLAVE.: expected MASTER, BACKUP, FAULT, STOP or DELETED" GROUP lab SLAVE 150
refused 64 "unknown priority .high." GROUP lab MASTER high
refused 64 "unknown priority .999." GROUP lab MASTER 999
refused 64 "expected TYPE NAME STATE \[PRIORITY\], got 2 words" GROUP lab
refused 64 "expected TYPE NAME STATE \[PRIORITY\], got 5 words" GROUP lab MASTER 150 0
refused 64 "empty or longer than 255 bytes" GROUP "$(printf 'x%.0s' {1..5000})" MASTER
refused 64 "empty or longer than 255 bytes" GROUP "" MASTER
refused 64 "unknown type" "$(printf 'G%.0s' {1..5000})" lab MASTER
refused 1 "unknown group .other.: this agent follows .lab." GROUP other MASTER
ends_with 64 "$LAB_BIN/ctsync-ha" notify GROUP lab MASTER --socket
ends_with 3 "$LAB_BIN/ctsync-ha" notify --socket "$LAB_DIR/nowhere.sock" GROUP lab MASTER
says "the agent is not running"
# A name that would write a line of its own into the journal.
ends_with 1 notify GROUP "$(printf 'x\n2026-01-01T00:00:00Z notice: role backup -> master')" MASTER
# That the quoted name is in a line is fine; a line that begins with it is not.
! grep -q '^2026-01-01T00:00:00Z' "$LAB_DIR/r1/agent.log" || fail "a name wrote a line of the journal"
unchanged backup "nonsense"

note "repeated, and one by one in haste"
for _ in {1..10}; do notify GROUP lab MASTER 150; done
within 5 "r1 is master" role_is master
term=$(term_of r1)
for _ in {1..10}; do notify GROUP lab MASTER 150; done
sleep 0.5
(($(term_of r1) == term)) || fail "a repeated notification took another term"
for _ in {1..20}; do notify GROUP lab BACKUP 150; notify GROUP lab MASTER 150; done
notify GROUP lab BACKUP 150
within 5 "the last word counts" role_is backup
ends_with 0 notify GROUP lab STOP 150
unchanged backup STOP

note "a script that comes late, and one whose clock is ahead"
# GROUP lab MASTER, said a nanosecond after the machine started, and at the end of time.
ends_with 0 probe r1 frame "$LAB_DIR/r1/control.sock" 010500036c6162000001
unchanged backup "a notification that was said before the last one"
ends_with 0 probe r1 frame "$LAB_DIR/r1/control.sock" 010500036c61620000ffffffffffffffffff01
within 5 "r1 is master" role_is master
ends_with 0 notify GROUP lab BACKUP 150
within 5 "who speaks next is heard" role_is backup

note "an agent that hangs holds keepalived up for two seconds at most"
kill -s STOP "$(<"$LAB_DIR/r1/agent.pid")"
began=$(lab_now)
ends_with 1 notify GROUP lab BACKUP 150
says "the agent did not answer for 2 s; look at its journal"
(($(lab_now) - began < 3500)) || fail "it took $(($(lab_now) - began)) ms"
kill -s CONT "$(<"$LAB_DIR/r1/agent.pid")"

note "time of the whole process, 50 runs"
cat >"$LAB_DIR/runs" <<'RUNS'
for _ in {1..50}; do
    begin=${EPOCHREALTIME/[^0-9]/}
    "$1" notify --socket "$2" GROUP lab BACKUP 150 || exit 1
    end=${EPOCHREALTIME/[^0-9]/}
    echo $((end - begin))
done
RUNS
lab_in r1 bash "$LAB_DIR/runs" "$LAB_BIN/ctsync-ha" "$LAB_DIR/r1/control.sock" | sort -n >"$LAB_DIR/times"
median=$(sed -n 25p "$LAB_DIR/times")
note "median $median us, longest $(tail -n 1 "$LAB_DIR/times") us"
# The aim is 8 ms on a machine of its own; others may build on this one.
((median < 40000)) || fail "a notification takes $median us"
