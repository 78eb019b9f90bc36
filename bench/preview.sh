#!/bin/bash
# How long the pictures of one attachment take: a ten-page DOCX, a ten-page PDF, a PNG of six megapixels and 600 lines of text, one after
# another, by the real sealdesk-render with LibreOffice, poppler-utils and GraphicsMagick, each in a sandbox of its own.
#
#   bench/preview.sh BUILD_DIR [--json FILE]
#
# RUNS=20: of each. The machine's load at the time is printed beside the figures.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?usage: bench/preview.sh BUILD_DIR [--json FILE]}")
json=
[ "${2:-}" = --json ] && json=${3:?--json FILE}
ninja -C "$build" bench/bench-preview src/render/sealdesk-render src/render/sealdesk-paginate >/dev/null
figures=$("$build/bench/bench-preview" "$build/src/render/sealdesk-render" "${RUNS:-20}")
[ -n "$json" ] && printf '%s\n' "$figures" >"$json"
FIGURES=$figures LOAD=$(cut -d' ' -f1 /proc/loadavg) CORES=$(nproc) /usr/bin/python3 - <<'END'
import json
import os

print(f"{os.environ['CORES']} cores, load {os.environ['LOAD']}")
print(f"  {'':6} {'pages':>6} {'KB':>7} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
for kind, one in json.loads(os.environ["FIGURES"]).items():
    print(f"  {kind:6} {one['pages']:6} {one['bytes'] / 1000:7.0f} {one['p50_ms']:8.0f} {one['p95_ms']:8.0f} {one['max_ms']:8.0f}")
END
