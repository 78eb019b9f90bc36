#!/bin/bash
# Fuzzes every target for SECONDS_EACH (default 60) with libFuzzer, ASan and UBSan, two at a time. New inputs go to build-fuzz/corpus; a finding
# stops with its file named. Small inputs that open new ground belong into fuzz/corpus/.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-60}
build=${BUILD_FUZZ:-build-fuzz}
if [ ! -f $build/build.ninja ]; then
  CC=clang meson setup $build -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null || exit 1
fi
mapfile -t targets < <(ninja -C $build -t targets all | sed -n 's/^\(src\/[^:]*_fuzz\):.*/\1/p')
ninja -C $build "${targets[@]}" || exit 1
run() {
  local target=$1 name corpus
  name=$(basename "$target" _fuzz)
  name=${name#auth_} # as its seeds are called
  corpus=$build/corpus/$name
  mkdir -p "$corpus" "$build/findings"
  local seeds=()
  for folder in fuzz/corpus/"$name" fuzz/corpus/*_"$name" fuzz/corpus/"$name"_*; do [ -d "$folder" ] && seeds+=("$folder"); done
  "$build/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/findings/$name-" \
    "$corpus" "${seeds[@]}" >"$build/findings/$name.log" 2>&1
  local status=$?
  printf '%-28s %s %s\n' "$name" "$([ $status -eq 0 ] && echo ok || echo FINDING)" "$(sed -n 's/^stat::number_of_executed_units: /runs /p' "$build/findings/$name.log")"
  return $status
}
export -f run
export build seconds
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'run "$@"' _ {}
