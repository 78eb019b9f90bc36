#!/bin/bash
# Installs the Debian 12 packages that building needs, with `demo` or `test` also those of the demo or the tests; does nothing when they are there.
set -euo pipefail
packages=(
  gcc clang clang-format libclang-rt-14-dev meson ninja-build pkg-config git
  libssl-dev libargon2-dev libseccomp-dev libgumbo-dev libicu-dev libunbound-dev libmicrohttpd-dev libconfuse-dev libjansson-dev
  libsqlite3-dev libpsl-dev libidn2-dev libzstd-dev libcurl4-openssl-dev libcmocka-dev libfido2-dev libqrencode-dev
  libmagic-dev libarchive-dev libpango1.0-dev zlib1g-dev
  ca-certificates dns-root-data openssl sqlite3
  john-data python3-zxcvbn
  python3 python3-pytest python3-yaml python3-jsonschema python3-dkim python3-spf python3-cryptography python3-requests
)
[ "${1:-}" = demo ] && packages+=(clamav-daemon)
[ "${1:-}" = test ] && packages+=(
  chromium python3-nacl zbar-tools rsyslog rsyslog-openssl golang-1.19-go golang-golang-x-mod-dev
  bubblewrap poppler-utils graphicsmagick libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui
  fonts-dejavu-core fonts-liberation clamav-daemon clamav clamav-testfiles rspamd
)
missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
  exec sudo "$0" "$@"
fi
echo "installing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# The tests start clamd and rspamd themselves, on sockets of their own: nothing is started by being installed.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
