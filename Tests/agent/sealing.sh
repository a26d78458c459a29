#!/usr/bin/env bash
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "On a sealed link nothing is in the clear, forged, changed and replayed datagrams are refused, and keys roll over live."

key_of() { lab_in "$1" "$LAB_BIN/ctsync-ha" key "${@:2}" --socket "$LAB_DIR/$1/control.sock"; }
add_line() { echo "$2" >>"$LAB_DIR/$1/ctsync-ha.conf"; }
# Fails the test unless a counter of a node grew by so many at least: grew NODE COUNTER BEFORE AT_LEAST.
grew() {
    local now
    now=$(counter_of "$1" "$2")
    ((now - $3 >= $4)) || fail "$2 of $1 grew by $((now - $3)) instead of $4"
    note "$2 of $1: +$((now - $3))"
}
unharmed() {
    internal_is r1 "$1" || fail "r1 holds $(internal_of r1) of $1 flows $2"
    external_is r2 "$1" || fail "r2 holds $(external_of r2) of $1 flows $2"
    pair_in_sync || fail "not in sync $2"
}

pair_create
note "key files: only their owner may read them, and none is overwritten"
ends_with 0 "$LAB_BIN/ctsync-ha" key new --id 7 "$LAB_DIR/key7"
[[ $(stat -c %a "$LAB_DIR/key7") == 600 ]] || fail "the key file has mode $(stat -c %a "$LAB_DIR/key7")"
ends_with 1 "$LAB_BIN/ctsync-ha" key new "$LAB_DIR/key7"
says "is there already"
"$LAB_BIN/ctsync-ha" key new --id 8 >"$LAB_DIR/key8"
chmod 600 "$LAB_DIR/key8"
ends_with 64 "$LAB_BIN/ctsync-ha" key new --id 0
for node in r1 r2; do add_line $node "key-file $LAB_DIR/key7"; done
chmod 644 "$LAB_DIR/key7"
start_fails "key7 cannot be used: others may read or change it \(mode 0644\); chmod 600 it"
ends_with 1 "$LAB_BIN/ctsync-ha" check --config "$LAB_DIR/r1/ctsync-ha.conf"
says "chmod 600"
chmod 600 "$LAB_DIR/key7"
ends_with 0 "$LAB_BIN/ctsync-ha" check --config "$LAB_DIR/r1/ctsync-ha.conf"

note "a sealed pair replicates, and a listener on the link hears no flow"
lab_start r2 listener "$python" "$root/Tests/agent/seal-probe.py" capture sync0 3780 "$LAB_DIR/capture"
within 5 "the listener listens" test -e "$LAB_DIR/capture.ready"
pair_start_both
put_flows r1 1 300
within 10 "300 flows on the peer" external_is r2 300
sleep 1.2
lab_stop r2 listener
ends_with 0 "$python" "$root/Tests/agent/seal-probe.py" check "$LAB_DIR/capture" 7 c0a80a0a cb00710a
note "$printed"
for node in r1 r2; do
    (($(counter_of $node link_senders_admitted) == 1)) || fail "$node admitted $(counter_of $node link_senders_admitted)"
    (($(counter_of $node link_open_taken) == 0)) || fail "$node took open datagrams"
    lab_agent $node status | grep -q 'link is open' && fail "$node calls a sealed link open"
done

note "every kind of forgery is refused under its own name, from the peer's address"
for kind in open:link_open_refused changed:link_bad_seal key:link_unknown_key link:link_wrong_link short:link_malformed \
    replay:link_replay; do
    before=$(counter_of r1 "${kind#*:}")
    lab_in r2 "$python" "$root/Tests/agent/seal-probe.py" "send-${kind%:*}" "$LAB_DIR/capture" 10.99.0.2 10.99.0.1 3780 200
    sleep 0.5
    grew r1 "${kind#*:}" "$before" 200
    unharmed 300 "after ${kind%:*}"
done

note "a restarted receiver takes no replay"
lab_stop r1 agent KILL
lab_stop r2 agent KILL
# With the sender gone too, only the recorded voice is heard.
pair_start r1
ends_with 0 lab_agent r1 role backup
lab_in r2 "$python" "$root/Tests/agent/seal-probe.py" send-replay "$LAB_DIR/capture" 10.99.0.2 10.99.0.1 3780 1000
sleep 0.5
grew r1 link_stale 0 20
[[ $(lab_agent r1 status --json | jq '.peers | length') == 0 ]] || fail "a replayed voice became a peer"
(($(counter_of r1 link_sealed_taken) == 0)) || fail "r1 took a replayed datagram"
pair_start r2
ends_with 0 lab_agent r1 role master
ends_with 0 lab_agent r2 role backup
within 20 "both agents in sync" pair_in_sync
within 10 "r2 holds all" external_is r2 300

note "the key is rolled over while flows are made, and nothing is refused"
before=$(counter_of r1 link_unknown_key)/$(counter_of r2 link_unknown_key)/$(counter_of r2 link_stale)
(for number in {1..40}; do put_flows r1 $((1000 + number * 10)) 10 && sleep 0.05; done) &
maker=$!
for node in r1 r2; do ends_with 0 key_of $node add "$LAB_DIR/key8"; done
for node in r2 r1; do ends_with 0 key_of $node use 8; done
sleep 1.5
for node in r1 r2; do ends_with 0 key_of $node remove 7; done
wait $maker
within 10 "700 flows on the peer" external_is r2 700
unharmed 700 "after the roll-over"
[[ $before == $(counter_of r1 link_unknown_key)/$(counter_of r2 link_unknown_key)/$(counter_of r2 link_stale) ]] ||
    fail "datagrams were refused while the key was rolled over"
[[ $(key_of r1 list --json | jq -c '[.stage, [.keys[].id], .keys[0].seals]') == '["require",[8],true]' ]] ||
    fail "keys of r1: $(key_of r1 list --json)"
[[ $(key_of r1 list --json | jq -r .keys[0].fingerprint) == $(key_of r2 list --json | jq -r .keys[0].fingerprint) ]] ||
    fail "the nodes' keys have different fingerprints"
note "$(key_of r2 list | tail -n 1)"
# What was sealed with the old key is worth nothing, and the one that seals cannot be taken away.
ends_with 1 key_of r1 remove 8
says "key 8 seals what is sent"
ends_with 1 key_of r1 use 7
ends_with 3 lab_in r1 "$LAB_BIN/ctsync-ha" key list --socket "$LAB_DIR/nobody.sock"
ends_with 64 key_of r1 use 256
before=$(counter_of r1 link_unknown_key)
lab_in r2 "$python" "$root/Tests/agent/seal-probe.py" send-replay "$LAB_DIR/capture" 10.99.0.2 10.99.0.1 3780 50
sleep 0.5
grew r1 link_unknown_key "$before" 20

note "the stages of a running pair: back to open, and sealed again"
for stage in accept off; do for node in r1 r2; do ends_with 0 key_of $node stage $stage; done; done
put_flows r1 2001 100
within 10 "800 flows on the peer" external_is r2 800
lab_agent r2 status | grep -q 'link is open' || fail "status does not say that the link is open"
for stage in accept require; do for node in r1 r2; do ends_with 0 key_of $node stage $stage; done; done
put_flows r1 2201 100
within 10 "900 flows on the peer" external_is r2 900
unharmed 900 "after the stages"
for node in r1 r2; do
    (($(counter_of $node link_open_refused) == 0)) || [[ $node == r1 ]] || fail "$node refused open datagrams of its peer"
    ! grep -qiE '[0-9a-f]{64}' "$LAB_DIR/$node/agent.log" || fail "a key is in the journal of $node"
done

note "the same by multicast, where questions and answers are heard by all"
for node in r1 r2; do
    lab_stop $node agent
    sed -i -e '/^ *peer /d' -e 's/^key-file .*/key-file key8/' "$LAB_DIR/$node/ctsync-ha.conf"
done
export CREDENTIALS_DIRECTORY=$LAB_DIR
start_log_from=$(wc -l <"$LAB_DIR/r1/agent.log")
pair_start_both
put_flows r1 3001 100
within 10 "the flows on the peer" external_is r2 "$(internal_of r1)"
for node in r1 r2; do
    (($(counter_of $node link_senders_admitted) == 1)) || fail "$node admitted $(counter_of $node link_senders_admitted)"
done
! tail -n "+$((start_log_from + 1))" "$LAB_DIR/r1/agent.log" | grep 'link is open' || fail "a credential is no key"
