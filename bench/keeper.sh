#!/bin/bash
# How fast the keeper opens and signs, each act with its record durable: the real process, over real sockets, beside what the machine can
# do by itself, in one run: the disk's fdatasync, and `openssl speed` of the two signatures that every answer gets.
#
#   bench/keeper.sh BUILD_DIR [--json FILE]
#
# Once on the project's disk and once in memory (/dev/shm): where the disk is slow, the second says what the keeper itself costs.
# SECONDS_EACH=3: of each measurement. The load comes from the same machine and shares its cores.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?usage: bench/keeper.sh BUILD_DIR [--json FILE]}")
json=
[ "${2:-}" = --json ] && json=${3:?--json FILE}
work=$build/bench-work
seconds=${SECONDS_EACH:-3}
mkdir -p "$work"
ninja -C "$build" bench/bench-keeper libexec/sealdesk-keeper >"$work/ninja.log" 2>&1 || { tail -20 "$work/ninja.log" >&2; exit 1; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/bench-keeper-XXXXXX")
chmod 711 "$folder"
trap 'rm -rf "$folder"' EXIT
per_second() { openssl speed -seconds 2 "$1" 2>/dev/null | awk -v column="$2" '/^rsa 2048|Ed25519/ { print $(NF - column) }'; }
rsa=$(per_second rsa2048 1) ed25519=$(per_second ed25519 1)
disk=$("$build/bench/bench-keeper" "$build/libexec/sealdesk-keeper" "$folder" "$seconds")
memory=$("$build/bench/bench-keeper" "$build/libexec/sealdesk-keeper" /dev/shm "$seconds")

DISK=$disk MEMORY=$memory RSA=$rsa ED25519=$ed25519 JSON=$json KIND=$(stat -f -c %T "$folder") /usr/bin/python3 - <<'END'
import json
import os

rsa, ed25519 = float(os.environ["RSA"]), float(os.environ["ED25519"])
both = 1 / (1 / rsa + 1 / ed25519)
runs = {f"disk ({os.environ['KIND']})": json.loads(os.environ["DISK"]), "memory (tmpfs)": json.loads(os.environ["MEMORY"])}
names = [("open_1", "opens, 1 agent"), ("open_100", "opens, 100 agents at once"), ("open_100_flood", "the same, sign-ins flooded"),
         ("heads_100", "lists of 100 heads, 8 agents"), ("sign_1", "answers, one at a time"), ("sign", "answers, 16 at once")]
for where, run in runs.items():
    print(f"{where}: fdatasync p50 {run['fdatasync']['p50_ms']} ms, p99 {run['fdatasync']['p99_ms']} ms; "
          f"a thread that sleeps wakes late by p99 {run['late']['p99_ms']} ms")
    print(f"  {'':30} {'per s':>8} {'p50 ms':>8} {'p99 ms':>8} {'keeper CPU us':>14}")
    for key, name in names:
        one = run[key]
        more = f"  ({one['flood_per_s'] + one['flood_busy_per_s']:.0f} attempts/s)" if key.endswith("flood") else ""
        print(f"  {name:30} {one['per_s']:8.0f} {one['p50_ms']:8.2f} {one['p99_ms']:8.2f} {one['keeper_cpu_us']:14.1f}{more}")
    print(f"  an answer is an RSA-2048 and an Ed25519 signature, an object and a warrant: {run['sign']['per_s'] / both:.2f} of what openssl "
          f"speed makes of such pairs ({both:.0f}/s), {run['sign']['per_s'] / rsa:.2f} of its RSA alone ({rsa:.0f}/s); "
          f"the signing thread takes {run['sign']['signing_us']:.0f} us for each, openssl {1e6 / both:.0f} us")
if os.environ["JSON"]:
    with open(os.environ["JSON"], "w") as f:
        json.dump({"runs": runs, "openssl": {"rsa2048": rsa, "ed25519": ed25519}}, f)
END
