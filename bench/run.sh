#!/bin/bash
# The benchmark: Sealdesk beside its own floor and beside Debian's Postfix + OpenDKIM + OpenDMARC, on this machine.
#
#   bench/run.sh BUILD_DIR [--json FILE] [--only floor,sealdesk,peer] [--disk xfs|plain]
#   QUICK=1: one short run instead of three
#
# Everything it makes lies in BUILD_DIR/bench-work. The peer is installed once into an overlay of this machine's root (nothing of the
# machine changes), and everything runs in mount, network and process namespaces of its own, so that ports and resolver are
# private, nothing leaves the machine, and nothing outlives it.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?usage: bench/run.sh BUILD_DIR}")
shift
work=$build/bench-work
peer=$work/peer

if [ "$(id -u)" -ne 0 ]; then
  echo "make bench needs root: it installs the peer into an overlay and makes namespaces of its own" >&2
  exit 77
fi
if ! unshare -m -n -p --fork true 2>/dev/null; then
  echo "make bench needs to make mount, network and process namespaces, which this machine does not allow" >&2
  exit 77
fi

for program in ip mount unshare ninja /usr/bin/python3; do
  command -v "$program" >/dev/null || { echo "make bench needs $program (Debian: iproute2, util-linux, ninja-build, python3)" >&2; exit 69; }
done

mkdir -p "$work"
programs=(bench/bench-load bench/bench-floor bench/bench-parts)
ninja -C "$build" "${programs[@]}" >"$work/ninja.log" 2>&1 || { tail -20 "$work/ninja.log" >&2; exit 1; }
[ -f "$work/corpus/list" ] || { echo "making 200 signed letters ..." >&2; rm -rf "$work/corpus"; /usr/bin/python3 bench/corpus.py "$work/corpus"; }

# Debian packages into the overlay's upper layer; services are not started.
install_peer() {
  rm -rf "$peer"
  mkdir -p "$peer/upper" "$peer/work" "$peer/root"
  # shellcheck disable=SC2016
  unshare -m bash -euc '
    peer=$1 root=$1/root
    mount -t overlay overlay -o "lowerdir=/,upperdir=$peer/upper,workdir=$peer/work" "$root"
    for dir in proc sys dev; do mount --rbind "/$dir" "$root/$dir"; done
    mount -t tmpfs tmpfs "$root/run"
    cat /etc/resolv.conf > "$peer/resolv.conf" && rm -f "$root/etc/resolv.conf" && cp "$peer/resolv.conf" "$root/etc/resolv.conf"
    printf "#!/bin/sh\nexit 101\n" > "$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    export DEBIAN_FRONTEND=noninteractive
    chroot "$root" apt-get update -qq
    chroot "$root" apt-get install -y -qq --no-install-recommends postfix opendkim opendmarc publicsuffix unbound xfsprogs
  ' bash "$peer" >"$work/install.log" 2>&1 </dev/null
  touch "$peer/installed"
}
if [ ! -f "$peer/installed" ]; then
  echo "installing the peer from Debian packages into $peer ..." >&2
  install_peer || { echo "the peer could not be installed (see $work/install.log); it is left out" >&2; }
fi

exec unshare -m -n -p --fork --kill-child=KILL --mount-proc /usr/bin/python3 bench/bench.py "$build" "$@"
