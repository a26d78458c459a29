#!/usr/bin/env bash
# How long a new flow takes from the master's kernel to the standby's, alone and while three full bulks go out: 200
# connections a second beside so many others. Tests/Benchmarks/live-changes-beside-a-bulk.sh [FLOWS], 200,000 unless
# said. The standby is hot, so the way ends in its kernel. Both times are those at which conntrack(8) prints the event.
agent=ctsync-ha-hot flows=${1:-200000}
set --
# shellcheck source=Tests/Benchmarks/measurement.sh
source "$(dirname "$0")/measurement.sh"

lab_create
load_flows r1 snat "$flows"
lab_start_routers
await_standby "$flows"
for router in r1 r2; do lab_start $router watch stdbuf -oL conntrack -E -e NEW -o timestamp; done
sleep 1
look_around
start_mix 200 12
sleep 3
begin=$(date +%s.%N)
for _ in 1 2 3; do
    lab_agent r1 bulk
    sleep 1
done
end=$(date +%s.%N)
look_back
sleep 4

"$python" - "$begin" "$end" "$LAB_DIR/r1/watch.log" "$LAB_DIR/r2/watch.log" >"$LAB_DIR/latencies" <<'P'
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
for inside in (False, True):
    came = [(k, t) for k, t in master.items() if (begin <= t <= end) == inside]
    late = sorted((standby[k] - t) * 1000 for k, t in came if k in standby)
    print("beside a bulk" if inside else "alone", f"p99_ms={late[len(late) * 99 // 100]:.3f}",
          f"median_ms={late[len(late) // 2]:.3f}", f"max_ms={late[-1]:.3f}", f"missing={len(came) - len(late)}", sep="\t")
P
while IFS=$'\t' read -r -a figures; do
    emit live "${figures[0]}" "$flows" "${figures[@]:1}"
done <"$LAB_DIR/latencies"
