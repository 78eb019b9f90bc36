#!/bin/bash
# Fuzzes the targets with libFuzzer, ASan and UBSan. New inputs go to build-fuzz/corpus; a finding stops its target with the input's file
# named. Small inputs that open new ground belong into fuzz/corpus/.
#
#   SECONDS_EACH=60   for each target
#   JOBS=2            targets at a time
#   TARGETS=REGEX     only these (whole names: 'spf|dkim')
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-60}
build=${BUILD_FUZZ:-build-fuzz}
jobs=${JOBS:-2}
if [ ! -f "$build/build.ninja" ]; then
  CC=clang meson setup "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null || exit 1
fi
short() { local name; name=$(basename "$1" _fuzz); echo "${name#auth_}"; } # as its seeds are called
export -f short
mapfile -t all < <(ninja -C "$build" -t targets all | sed -n 's/^\(src\/[^:]*_fuzz\):.*/\1/p')
targets=()
for target in "${all[@]}"; do
  grep -qxE "${TARGETS:-.*}" <<<"$(short "$target")" && targets+=("$target")
done
[ ${#targets[@]} -gt 0 ] || { echo "no target is called ${TARGETS:-}" >&2; exit 1; }
ninja -C "$build" "${targets[@]}" || exit 1
run() {
  local target=$1 name corpus log
  name=$(short "$target")
  corpus=$build/corpus/$name
  log=$build/findings/$name.log
  mkdir -p "$corpus" "$build/findings"
  local seeds=()
  for folder in fuzz/corpus/"$name" fuzz/corpus/*_"$name" fuzz/corpus/"$name"_*; do [ -d "$folder" ] && seeds+=("$folder"); done
  "$build/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/findings/$name-" \
    "$corpus" "${seeds[@]}" >"$log" 2>&1
  local status=$? runs coverage
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(grep -oE 'cov: [0-9]+' "$log" | tail -1)
  printf '%-24s %-8s %12s runs  %-12s %6d inputs\n' "$name" "$([ $status -eq 0 ] && echo ok || echo FINDING)" "${runs:-?}" "${coverage:-cov: ?}" \
    "$(find "$corpus" -type f | wc -l)"
  return $status
}
export -f run
export build seconds
summary=$(mktemp)
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'run "$@"' _ {} | tee "$summary"
found=$(grep -c FINDING "$summary")
awk -v n="${#targets[@]}" -v s="$seconds" -v f="$found" '{ runs += $3 } END { printf "%d targets, %d s each (%.0f s in all), %d runs, %d findings\n", n, s, n * s, runs, f }' "$summary"
rm -f "$summary"
[ "$found" -eq 0 ]
