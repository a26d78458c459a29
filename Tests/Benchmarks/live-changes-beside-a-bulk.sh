#!/usr/bin/env bash
# How long a new flow takes from the master's kernel to the standby's, alone and while three full bulks go out: 200
# connections a second beside so many others. Tests/Benchmarks/live-changes-beside-a-bulk.sh [FLOWS], 200,000 unless
# said. The standby is hot, so the way ends in its kernel. Both times are those at which conntrack(8) prints the event.
LAB_AGENT_CONFIG='standby hot'
flows=${1:-200000}
set --
# shellcheck source=Tests/failover/failover.sh
source "$(dirname "$0")/../failover/failover.sh"

lab_create
lab_start_routers
within 20 "the pair is ready" lab_pair_ready
lab_in r1 "$LAB_BIN/lab" load --flows "$flows" >/dev/null
within 120 "the pair is ready again" lab_pair_ready
for router in r1 r2; do lab_start $router watch stdbuf -oL conntrack -E -e NEW -o timestamp; done
sleep 1
start_mix 200 12
sleep 3
begin=$(date +%s.%N)
for _ in 1 2 3; do
    lab_agent r1 bulk
    sleep 1
done
end=$(date +%s.%N)
sleep 4

"$python" - "$begin" "$end" "$LAB_DIR/r1/watch.log" "$LAB_DIR/r2/watch.log" <<'P'
import re
import sys

begin, end = float(sys.argv[1]), float(sys.argv[2])
line = re.compile(r"\[(\d+\.\d+)\s*\]\s+\[NEW\] (\S+) .*?(src=\S+ dst=\S+(?: (?:sport|dport|type|code|id)=\d+)*)")


def times(path):
    first = {}
    for text in open(path, errors="replace"):
        found = line.match(text)
        if found:
            first.setdefault((found[2], found[3]), float(found[1]))
    return first


master, standby = times(sys.argv[3]), times(sys.argv[4])
for name, inside in (("without a bulk", False), ("beside a bulk", True)):
    late = sorted((standby[k] - t) * 1000 for k, t in master.items() if k in standby and (begin <= t <= end) == inside)
    print(f"{name}: {len(late)} flows, median {late[len(late) // 2]:.2f} ms, "
          f"p99 {late[len(late) * 99 // 100]:.2f} ms, max {late[-1]:.2f} ms")
missing = sum(1 for k in master if k not in standby)
print(f"{missing} flows never came")
sys.exit(missing > 0)
P
