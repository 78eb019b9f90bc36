#!/bin/bash
# What it costs to judge a letter of 10 KB (SPF, DKIM with RSA-2048, DMARC, iprev; DNS answered from memory), in CPU time of one thread: ours
# beside RSA verification and SHA-256 alone, `openssl speed`, npm's mailauth and Debian's python3-dkim + python3-spf, in one run.
#
#   bench/auth.sh BUILD_DIR [--json FILE]
#
# mailauth is installed by npm into BUILD_DIR/bench-work; a peer that cannot be had is left out and said to be.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?usage: bench/auth.sh BUILD_DIR [--json FILE]}")
json=
[ "${2:-}" = --json ] && json=${3:?--json FILE}
work=$build/bench-work
mailauth=4.9.5
seconds=${SECONDS_EACH:-5}
mkdir -p "$work"
ninja -C "$build" bench/bench-auth >"$work/ninja.log" 2>&1 || { tail -20 "$work/ninja.log" >&2; exit 1; }
[ -f "$work/corpus/list" ] || { echo "making 200 signed letters ..." >&2; rm -rf "$work/corpus"; /usr/bin/python3 bench/corpus.py "$work/corpus"; }

install_mailauth() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  [ -d "$work/npm/node_modules/mailauth" ] && return 0
  mkdir -p "$work/npm"
  (cd "$work/npm" && npm install --no-audit --no-fund --ignore-scripts "mailauth@$mailauth" >"$work/npm.log" 2>&1)
}
peer_mailauth=null peer_debian=null
if install_mailauth; then
  peer_mailauth=$(node bench/auth_peers/mailauth.mjs "$work/npm" "$work/corpus" "$seconds") || peer_mailauth=null
fi
[ "$peer_mailauth" != null ] || echo "npm's mailauth $mailauth is left out: it cannot be installed or run here (see $work/npm.log)" >&2
if /usr/bin/python3 -c 'import dkim, spf' 2>/dev/null; then
  peer_debian=$(/usr/bin/python3 bench/auth_peers/debian.py "$work/corpus" "$seconds")
else
  echo "Debian's python3-dkim and python3-spf are left out: not installed" >&2
fi
openssl=$(openssl speed -seconds "$seconds" rsa2048 2>/dev/null | awk '/^rsa 2048/ { print $NF }')
ours=$("$build/bench/bench-auth" "$work/corpus" "${ROUNDS:-15}")

OURS=$ours OPENSSL=$openssl MAILAUTH=$peer_mailauth DEBIAN=$peer_debian VERSION=$mailauth JSON=$json /usr/bin/python3 - <<'END'
import json
import os

ours, mailauth, debian = (json.loads(os.environ[k]) for k in ("OURS", "MAILAUTH", "DEBIAN"))
alone = ours["rsa"] + ours["sha256"]
rows = [("RSA verification, key at hand", ours["rsa"]), ("SHA-256 of the letter", ours["sha256"]), ("both: what cannot be saved", alone),
        ("ours: parse alone", ours["parse"]), ("ours: parse + DKIM", ours["parse_dkim"]), ("ours: parse + everything", ours["judge"])]
if debian:
    rows += [("Debian python3-dkim", debian["dkim"]), ("Debian python3-dkim + python3-spf", debian["both"])]
if mailauth:
    rows += [(f"npm mailauth {os.environ['VERSION']}", mailauth["ns"])]
print(f"{'CPU of one thread, per letter of 10 KB':40} {'us':>9} {'per s':>9} {'x both':>7}")
for name, ns in rows:
    print(f"{name:40} {ns / 1000:9.1f} {1e9 / ns:9.0f} {ns / alone:7.2f}")
print(f"openssl speed rsa2048: {float(os.environ['OPENSSL']):.0f} verify/s")
result = {"ns": ours, "ratio": round(ours["judge"] / alone, 2), "per_second": round(1e9 / ours["judge"]), "openssl_verify_per_second":
          float(os.environ["OPENSSL"]), "mailauth": mailauth, "debian": debian}
if os.environ["JSON"]:
    with open(os.environ["JSON"], "w") as f:
        json.dump(result, f)
else:
    print(json.dumps(result))
END
