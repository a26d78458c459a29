#!/usr/bin/env bash
# A hot standby leaves nothing to commit by hand.
# shellcheck disable=SC2034 # topology.sh uses it
LAB_STANDBY=cold
# shellcheck source=Tests/agent/pair.sh
source "$(dirname "$0")/pair.sh"
proves "Each command does what it says, with its exit code; status --json has the stable keys and no others."

# The keys of a JSON object, in a row.
keys() { jq -r "$2 | keys_unsorted | sort | join(\" \")" <<<"$1"; }
expect_keys() {
    local found
    found=$(keys "$1" "$2")
    [[ $found == "$3" ]] || fail "$2 has the keys: $found; they should be: $3"
}

pair_create

note "without an agent"
for words in status statistics "cache internal" "cache external expect" table "role auto" commit "flush external" \
    "resync kernel" "resync peer" bulk purge "reset external-cache" "reset internal-cache" "notify GROUP lab BACKUP"; do
    # shellcheck disable=SC2086 # a command is several words
    ends_with 3 lab_agent r1 $words
    says "the agent is not running: nobody listens on .*; start it, or name its socket with --socket"
done
for words in "flush" "flush everything" "resync" "resync nobody" "reset" "reset kernel" "cache" "cache other" \
    "table ipx" "role" "status --no-such" "no-such-command" "notify"; do
    # shellcheck disable=SC2086
    ends_with 64 "$LAB_BIN/ctsync-ha" $words
done
ends_with 0 "$LAB_BIN/ctsync-ha" --help
ends_with 0 "$LAB_BIN/ctsync-ha" --version
ends_with 0 "$LAB_BIN/ctsync-ha" check --config "$LAB_DIR/r1/ctsync-ha.conf"
echo "nonsense" >"$LAB_DIR/bad.conf"
ends_with 1 "$LAB_BIN/ctsync-ha" check --config "$LAB_DIR/bad.conf"
says "bad.conf:1:1: " "$printed$said"

note "alone"
pair_start r1
for words in "resync peer" bulk; do
    # shellcheck disable=SC2086
    ends_with 1 lab_agent r1 $words
    says "no peer has been heard"
done
ends_with 0 lab_agent r1 status
says "no peer has been heard" "$printed"
status=$(lab_agent r1 status --json)
[[ $(jq -c '[.schema, .node, .verdict, .role]' <<<"$status") == '[1,"r1","critical","backup"]' ]] ||
    fail "schema, node, verdict and role: $(jq -c '[.schema, .node, .verdict, .role]' <<<"$status")"

note "the keys"
pair_start_both_of() { pair_start r2; ends_with 0 lab_agent r1 role master; ends_with 0 lab_agent r2 role backup; }
pair_start_both_of
within 15 "both agents in sync" pair_in_sync
status=$(lab_agent r2 status --json)
expect_keys "$status" . "caches counters groups hold kernel last_takeover links node peers reasons role schema since source standby term verdict"
expect_keys "$status" ".groups[0]" "name readiness role since source term"
expect_keys "$status" ".peers[0]" "address digest in_sync lag_ms last_heard_ms link name roles unacknowledged"
expect_keys "$status" ".links[0]" "active carrier mode name obstacle there"
expect_keys "$status" .caches "external internal"
expect_keys "$status" .caches.internal "expectations flows"
expect_keys "$status" .caches.external "expectations flows"
expect_keys "$status" .kernel "entries limit"
jq -e '[.counters[]] | all(type == "number")' <<<"$status" >/dev/null || fail "a counter is no number"
jq -e '.since | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}.*(Z|[+-][0-9:]+)$")' <<<"$status" >/dev/null ||
    fail "since is no time of RFC 3339: $(jq .since <<<"$status")"
status=$(lab_agent r1 status --json)
expect_keys "$status" .last_takeover "at failed flows reason seconds"
[[ $(jq -r '.peers[0] | [.name, .address] | join(" ")' <<<"$status") == r2\ 10.99.0.2* ]] || fail "the peer's name and address"

for node in r1 r2; do
    peer=$([[ $node == r1 ]] && echo r2 || echo r1)
    grep -q "notice: peer $peer heard, incarnation [0-9]* peer=$peer\$" "$LAB_DIR/$node/agent.log" ||
        fail "the journal of $node does not name its peer"
done

note "caches and table"
put_flows r1 1 100
within 5 "100 flows in the internal cache" internal_is r1 100
within 5 "100 flows on the peer" external_is r2 100
[[ $(lab_agent r1 cache internal --json | jq length) == 100 ]] || fail "cache internal"
[[ $(lab_agent r1 cache external --json | jq length) == 0 ]] || fail "cache external of the master"
[[ $(lab_agent r2 cache external main --json | jq length) == 100 ]] || fail "cache external of the backup"
[[ $(lab_agent r2 cache external | grep -c 192.168.10.10) == 100 ]] || fail "cache external as a table"
ends_with 0 lab_agent r1 cache internal expect
ends_with 0 lab_agent r1 table ipv4
says "CONN ID +Source +Destination +Protocol +TIMEOUT" "$printed"
[[ $(grep -c '192.168.10.10:' <<<"$printed") == 100 ]] || fail "the table has $(grep -c '192.168.10.10:' <<<"$printed") of 100"
[[ $(lab_agent r1 table ipv6 --json | jq 'map(select(.original.source == "192.168.10.10")) | length') == 0 ]] || fail "table ipv6"
ends_with 0 lab_agent r1 statistics
for heading in "Main Table Statistics:" "cache internal:" "cache external:" "failed:" "traffic processed:" \
    "UDP traffic \(active device=sync0\):" "message tracking:"; do
    says "$heading" "$printed"
done
ends_with 0 lab_agent r1 statistics --json
jq -e . <<<"$printed" >/dev/null || fail "statistics --json is no JSON"

note "flush and resync"
ends_with 0 lab_agent r1 flush internal
says "100 flows forgotten" "$printed"
internal_is r1 0 || fail "flush internal left flows"
[[ $(kernel_count r1) == 100 ]] || fail "flush internal touched the kernel"
ends_with 0 lab_agent r1 resync kernel
says "100 flows found in the kernel, 0 gone" "$printed"
internal_is r1 100 || fail "resync kernel found $(internal_of r1) of 100"
within 10 "both agents in sync" pair_in_sync
ends_with 0 lab_agent r2 flush external
external_is r2 0 || fail "flush external left flows"
ends_with 0 lab_agent r2 resync peer
within 10 "the bulk that r2 asked for" external_is r2 100
ends_with 0 lab_agent r2 reset external-cache
within 10 "the external cache filled again" external_is r2 100
within 10 "both agents in sync" pair_in_sync
ends_with 0 lab_agent r1 reset internal-cache
internal_is r1 100 || fail "reset internal-cache left $(internal_of r1) of 100"
bulks=$(counter_of r2 bulks_received)
received_more() { (($(counter_of r2 bulks_received) > bulks)); }
ends_with 0 lab_agent r1 bulk
says "sending 100 flows" "$printed"
within 10 "r2 received the bulk" received_more
external_is r2 100 || fail "a bulk left $(external_of r2) of 100"

note "changes that no event told, found by resync"
lab_in r1 sysctl -qw net.netfilter.nf_conntrack_events=0
put_flows r1 200 5
sleep 0.3
internal_is r1 100 || fail "the kernel told of flows with its events off"
ends_with 0 lab_agent r1 resync kernel
says "105 flows found in the kernel, 0 gone" "$printed"
within 5 "what resync found is on the peer" external_is r2 105
for port in {10200..10204}; do lab_in r1 conntrack -D -p tcp --orig-port-src "$port" >/dev/null 2>&1; done
ends_with 0 lab_agent r1 resync kernel
says "100 flows found in the kernel, 5 gone" "$printed"
within 5 "what resync missed is gone from the peer" external_is r2 100
lab_in r1 sysctl -qw net.netfilter.nf_conntrack_events=1

note "commit and purge"
ends_with 0 lab_agent r2 commit
says "100 flows committed, 0 refused" "$printed"
[[ $(kernel_count r2) == 100 ]] || fail "commit wrote $(kernel_count r2) of 100 flows"
ends_with 1 lab_agent r1 purge
says "this node is master: its entries are not stale"
ends_with 0 lab_agent r1 role backup
ends_with 0 lab_agent r2 role master
ends_with 0 lab_agent r1 purge
says "100 stale entries removed" "$printed"
[[ $(kernel_count r1) == 0 ]] || fail "purge left $(kernel_count r1) entries"
[[ $(kernel_count r2) == 100 ]] || fail "the master has $(kernel_count r2) of 100 entries"

note "flush kernel"
within 15 "both agents in sync" pair_in_sync
ends_with 0 lab_agent r2 flush kernel
says "100 flows deleted from the kernel table" "$printed"
[[ $(kernel_count r2) == 0 ]] || fail "flush kernel left $(kernel_count r2) entries"
internal_is r2 0 || fail "flush kernel left $(internal_of r2) flows in the cache"
