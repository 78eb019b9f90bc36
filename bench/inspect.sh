#!/bin/bash
# How fast letters with attachments are looked into: the real sealdesk-inspect with its file child and clamd, beside Debian's rspamd with the same
# clamd, in one run, on the same letters of about 100 KB. Rate, and CPU per letter without clamd's own.
#
#   bench/inspect.sh BUILD_DIR [--json FILE]
#
# SECONDS_EACH=5: of each measurement. The load comes from the same machine and shares its cores. rspamd's modules that ask the network are
# off: here nobody would answer them. clamd has a handful of signatures of its own, so that it takes little of the cores.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?usage: bench/inspect.sh BUILD_DIR [--json FILE]}")
shift
packaging/deps.sh test
mkdir -p "$build/bench-work"
ninja -C "$build" bench/bench-inspect libexec/sealdesk-inspect >"$build/bench-work/ninja.log" 2>&1 || { tail -20 "$build/bench-work/ninja.log" >&2; exit 1; }
exec /usr/bin/python3 bench/inspect_peers.py "$build" "$@"
