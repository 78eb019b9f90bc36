#!/bin/bash
# All tests of one build: unit and fuzz-corpus tests (Meson), checks of the source, system tests (pytest). One closing line.
set -uo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:-build}")
export SEALDESK_BUILD=$build
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1} UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
[ -d ../shared/corpora ] && export SEALDESK_CORPORA=$(realpath ../shared/corpora)
passed=0 failed=0

# Counts "N passed", "N failed" style summaries into the totals.
count() { passed=$((passed + $1)); failed=$((failed + $2)); }

echo "== unit tests and corpora"
unit_log=$(mktemp)
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes 2 --timeout-multiplier 4 >"$unit_log" 2>&1
grep -vE '^ *[0-9]+/[0-9]+ .* OK ' "$unit_log"
ok=$(sed -n 's/^Ok: *\([0-9]*\).*/\1/p' "$unit_log")
bad=$(awk '/^(Fail|Timeout|Unexpected Pass):/ { n += $NF } END { print n + 0 }' "$unit_log")
[ -n "$ok" ] || { ok=0; bad=1; }
count "$ok" "${bad:-0}"

echo "== the source"
if [ -z "${SEALDESK_ASAN:-}" ]; then
  if tests/lint/run.sh "$build"; then count 1 0; else count 0 1; fi
fi

echo "== the system"
system_log=$(mktemp)
system_dir=$(mktemp -d)
/usr/bin/python3 -m pytest -q -rs -p no:cacheprovider --basetemp "$system_dir/tests" tests/differential tests/system 2>&1 | tee "$system_log"
summary=$(grep -E '^[0-9]+ (passed|failed|skipped|error)|(passed|failed|error).* in [0-9.]+s' "$system_log" | tail -1)
number() { grep -oE "[0-9]+ $1" <<<"$summary" | grep -oE '^[0-9]+' | head -1; }
p=$(number passed) f=$(number failed) e=$(number error)
[ -n "$summary" ] || f=1
count "${p:-0}" $((${f:-0} + ${e:-0}))

# A role that a sanitizer stops is started again, and the test may pass all the same.
if [ -n "${SEALDESK_ASAN:-}" ]; then
  reports=$(grep -rhE 'ERROR: AddressSanitizer|runtime error:|ERROR: LeakSanitizer' "$system_dir" --include=log 2>/dev/null | sort | uniq -c)
  if [ -n "$reports" ]; then printf 'sanitizers found in the roles:\n%s\nlogs: %s\n' "$reports" "$system_dir"; count 0 1; else count 1 0; fi
fi

[ "$failed" -eq 0 ] && rm -rf "$system_dir"
rm -f "$unit_log" "$system_log"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
