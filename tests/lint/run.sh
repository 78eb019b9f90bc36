#!/bin/bash
# Everything about the source that a machine can judge: layers, link lists, function lengths, format, duplicate vocabulary.
set -uo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
status=0
for check in "layers.py src" "functions.py src" "links.py $build"; do
  # shellcheck disable=SC2086
  /usr/bin/python3 tests/lint/$check || status=1
done
if command -v clang-format >/dev/null; then
  git ls-files 'src/*.c' 'src/*.h' | xargs clang-format --dry-run -Werror 2>&1 | head -20
  [ "${PIPESTATUS[1]}" -eq 0 ] || { echo "run make format"; status=1; }
fi
exit $status
