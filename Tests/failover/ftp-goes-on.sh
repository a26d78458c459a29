#!/usr/bin/env bash
# shellcheck disable=SC2034 # topology.sh uses it
LAB_AGENT_CONFIG="expect-sync all"
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
# shellcheck source=Tests/failover/strict.sh
source "$(dirname "$0")/strict.sh"
proves "FTP on one control connection through SNAT, and a TFTP read under way, go on after a failover and back."

# The client's address is longer than the router's: each PORT is shortened, and the sequence numbers shift.
start_ftp() {
    mkdir "$LAB_DIR/wan/files"
    head -c 3000000 /dev/urandom >"$LAB_DIR/wan/files/data"
    wanted=$(sha256sum "$LAB_DIR/wan/files/data" | cut -d ' ' -f 1)
    lab_start wan ftp "$python" -W ignore -m pyftpdlib -i 203.0.113.10 -p 21 -d "$LAB_DIR/wan/files"
    within 5 "the FTP server" grep -q 'starting FTP server' "$LAB_DIR/wan/ftp.log"
    start_told lan ftp "$root/Tests/failover/ftp-client.py" 203.0.113.10
    within 10 "the client is logged in" grep -q '^ready' "$LAB_DIR/lan/ftp.log"
}

# Starts a program that takes its orders from a FIFO: start_told NODE NAME PROGRAM ARGUMENT...; tell NODE NAME LINE.
start_told() {
    local fifo=$LAB_DIR/$1/$2.orders
    mkfifo "$fifo"
    # Both ends stay open here: the program sees no end before it is told one.
    exec {told}<>"$fifo"
    # shellcheck disable=SC2016 # the shell inside expands it
    lab_start "$1" "$2" bash -c 'exec "${@:2}" <"$1"' bash "$fifo" "$python" "${@:3}"
}
tell() { echo "$3" >"$LAB_DIR/$1/$2.orders"; }

# Fetches the file, in both modes, over the one control connection.
fetch() {
    local mode before
    for mode in active passive; do
        before=$(grep -c "^$mode " "$LAB_DIR/lan/ftp.log" || true)
        tell lan ftp "$mode data"
        within 30 "the $mode transfer $1" fetched $mode "$before"
        grep "^$mode " "$LAB_DIR/lan/ftp.log" | tail -n 1 | grep -q "$wanted" ||
            fail "the $mode transfer $1: $(grep "^$mode " "$LAB_DIR/lan/ftp.log" | tail -n 1)"
    done
    note "$1: an active and a passive transfer, both complete"
}
fetched() { (($(grep -c "^$1 " "$LAB_DIR/lan/ftp.log" || true) > $2)); }

# By how much the control connection's sequence numbers are shifted on a router.
shift_on() { lab_in "$1" "$LAB_BIN/lab" flows | sed -n 's/^flow tcp .* > 21: .*sequence=\([^ ]*\).*/\1/p'; }

mark() { echo "--- $*" >>"$LAB_DIR/lan/ftp.log"; }

show_transcript() {
    echo "the control connection, as the client saw it:"
    cat "$LAB_DIR/lan/ftp.log"
}

lab_create
hold r2
lab_start_routers
start_ftp
fetch "before the failover"
[[ -n $(shift_on r1) ]] || fail "no PORT was rewritten to another length"
start_told wan tftp "$root/Tests/failover/tftp.py" server 203.0.113.10
within 5 "the TFTP server" grep -q listening "$LAB_DIR/wan/tftp.log"
lab_start lan tftp "$python" "$root/Tests/failover/tftp.py" client 203.0.113.10
within 5 "the read request" grep -q asked "$LAB_DIR/wan/tftp.log"
within 20 "the pair is ready" lab_pair_ready
close_door
note "control connection open and shifted ($(shift_on r1)), a TFTP read without an answer; no new flows from here on"

hand_over r1
mark "r1 failed over to r2"
tell wan tftp go
within 10 "the TFTP answer passes the new master" grep -q 'before the failover' "$LAB_DIR/lan/tftp.log"
within 5 "its acknowledgement" grep -q acknowledged "$LAB_DIR/wan/tftp.log"
note "TFTP: the answer came from a port of its own, through r2, as the helper on r1 expected it"
fetch "after the failover"
rejoin r1
hand_over r2
mark "r2 failed over to r1"
fetch "after the failover back"
tell lan ftp quit
within 10 "the client says good-bye" grep -q '^bye' "$LAB_DIR/lan/ftp.log"
expect_none_invalid
show_transcript
