#!/usr/bin/env bash
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/failover.sh"
proves "After mixed traffic the master's cache, its peer's cache and the master's kernel hold the same flows."

# One line a flow: protocol, original tuple, reply tuple (and so the NAT), state, mark. Only what crosses the routers:
# VRRP and the routers' own flows are nobody's business.
kernel_flows() {
    lab_in "$1" conntrack -L -o extended 2>/dev/null | awk '
        {
            split("", keys); tuple = ""; state = "-"; mark = 0
            if ($6 !~ /=/ && $6 !~ /^\[/) state = $6
            for (field = 5; field <= NF; field++) {
                if (split($field, pair, "=") != 2) continue
                if (pair[1] ~ /^(src|dst|sport|dport|type|code|id)$/) tuple = tuple " " pair[2]
                if (pair[1] == "mark") mark = pair[2]
            }
            if (tuple ~ / (192\.168\.10\.10|203\.0\.113\.10) /) print $3 tuple, state, mark
        }' | sort
}

# The same lines from `cache internal --json` or `cache external --json`.
cached_flows() {
    lab_agent "$1" cache "$2" --json | jq -r '
        def icmp: [.icmp_type, .icmp_code, .icmp_id];
        def side: [.source, .destination] + (if .icmp_id != null then icmp else [.source_port, .destination_port] end);
        .[] | [.protocol] + (.original | side) + (.reply | side) + [.state // "-", .mark]
        | map(tostring) | join(" ")' | grep -E ' (192\.168\.10\.10|203\.0\.113\.10) ' | sort
}

same() { diff -u --label "$2" --label "$4" <(printf '%s\n' "$1") <(printf '%s\n' "$3"); }

lab_create
lab_start_routers
open_connections small 100
start_mix 400 6
lab_start lan ping ping -i 0.2 -c 20 203.0.113.10
# Towards a port where nobody listens, an address that nobody has, and through the port forwarding.
for port in 1 2 3; do lab_in lan bash -c "echo >/dev/tcp/203.0.113.10/$port" 2>/dev/null || true; done
lab_in lan timeout 1 bash -c "echo >/dev/tcp/203.0.113.99/80" 2>/dev/null || true
lab_start lan server "$LAB_BIN/lab" server --port 7000
within 5 "the server in lan" grep -q listening "$LAB_DIR/lan/server.log"
lab_in wan "$LAB_BIN/lab" pingpong --address 203.0.113.1 --port 7080 --connections 5 --duration 1 >/dev/null 2>&1 ||
    fail "the port forwarding does not work"
within 20 "the mixed traffic ends" grep -q answered "$LAB_DIR/lan/mix.log"
within 20 "the pair is ready" lab_pair_ready

# A flow may expire while the lists are drawn: they count when the kernel's was the same before and after.
for attempt in {1..10}; do
    sleep 1
    before=$(kernel_flows r1)
    internal=$(cached_flows r1 internal)
    external=$(cached_flows r2 external)
    after=$(kernel_flows r1)
    [[ $before != "$after" ]] || break
    note "the kernel's table changed while it was read, attempt $attempt"
done
[[ $before == "$after" ]] || fail "the kernel's table does not come to rest"
note "$(wc -l <<<"$after") flows in the master's kernel"
(($(wc -l <<<"$after") > 1000)) || fail "too few flows for a proof"
same "$after" "kernel of r1" "$internal" "internal cache of r1" || fail "the master's cache is not its kernel's table"
same "$internal" "internal cache of r1" "$external" "external cache of r2" || fail "the two caches differ"
expect_all_alive small
