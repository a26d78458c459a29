#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "An agent that cannot start says what is wrong and what to do, and exits with 1."

pair_create
conf=$LAB_DIR/r1/ctsync-ha.conf
cp "$conf" "$LAB_DIR/good.conf"
# Starts with the good configuration and one more line: start_with LINE PATTERN.
start_with() {
    { cat "$LAB_DIR/good.conf"; echo "$1"; } >"$conf"
    start_fails "$2"
    cp "$LAB_DIR/good.conf" "$conf"
}
# The same without one of its lines: start_replacing PATTERN LINE PATTERN.
start_replacing() {
    sed "s|$1|$2|" "$LAB_DIR/good.conf" >"$conf"
    start_fails "$3"
    cp "$LAB_DIR/good.conf" "$conf"
}

mv "$conf" "$conf.away"
start_fails "ctsync-ha.conf.*(not found|no such|does not exist)"
mv "$conf.away" "$conf"
start_with "no-such-word 7" "r1/ctsync-ha.conf:[0-9]+:1: .*no-such-word"
start_with "purge-timeout soon" "r1/ctsync-ha.conf:[0-9]+:15: "
start_with "interface sync0 {" "r1/ctsync-ha.conf:[0-9]+:[0-9]+: .*(brace|\})"
start_with "control-group nosuchgroup" "no group .nosuchgroup. exists; set control-group"
start_replacing "control-socket .*" "control-socket $LAB_DIR/nowhere/control.sock" "create its folder, or set control-socket"
start_replacing "control-socket .*" "control-socket $(printf '/x%.0s' {1..80})" "(107|too long|longer)"
touch "$LAB_DIR/plain-file"
start_replacing "control-socket .*" "control-socket $LAB_DIR/plain-file" "something else is there"
start_replacing "state-directory .*" "state-directory $LAB_DIR/missing" "state directory .*/missing cannot be used: open: No such file or directory; set state-directory"

note "as a user without the capability"
pair_launch r1 setpriv --reuid $nobody --regid $nobody --clear-groups
pair_ends r1 1
says "no permission to read or write conntrack: run as root, or give CAP_NET_ADMIN" "$(<"$LAB_DIR/r1/agent.log")"
chmod 600 "$conf"
: >"$LAB_DIR/r1/agent.log"
pair_launch r1 setpriv --reuid $nobody --regid $nobody --clear-groups
pair_ends r1 1
says "ctsync-ha.conf.*may not be read; give the agent.s user the right to read it" "$(<"$LAB_DIR/r1/agent.log")"
chmod 644 "$conf"

note "with the capability, a folder for its sockets, and no state directory to write to"
mkdir -m 700 "$LAB_DIR/user"
chown $nobody "$LAB_DIR/user"
sed "s|control-socket .*|control-socket $LAB_DIR/user/control.sock|" "$LAB_DIR/good.conf" >"$conf"
: >"$LAB_DIR/r1/agent.log"
as_user=(setpriv --reuid "$nobody" --regid "$nobody" --clear-groups --inh-caps +net_admin --ambient-caps +net_admin)
pair_launch r1 "${as_user[@]}"
pair_ends r1 1
says "state directory $LAB_DIR/r1 cannot be used: .*set state-directory" "$(<"$LAB_DIR/r1/agent.log")"
echo "what is this" >"$LAB_DIR/user/incarnation"
chown $nobody "$LAB_DIR/user/incarnation"
sed -i "s|state-directory .*|state-directory $LAB_DIR/user|" "$conf"
: >"$LAB_DIR/r1/agent.log"
pair_launch r1 "${as_user[@]}"
pair_ends r1 1
says "incarnation holds no number; remove it" "$(<"$LAB_DIR/r1/agent.log")"

note "and with all of it, as that user"
rm -f "$LAB_DIR/user/incarnation"
pair_launch r1 "${as_user[@]}"
within 10 "the agent of an ordinary user serves" lab_in r1 "$LAB_BIN/ctsync-ha" status --socket "$LAB_DIR/user/control.sock"
