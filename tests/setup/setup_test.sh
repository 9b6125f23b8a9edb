#!/usr/bin/env bash
# No service starts because .ci/setup installs its package. The script runs as it is, in a mount
# namespace whose /usr/sbin and /etc/systemd/system are empty, with an apt-get that notes what a
# package's installation would find and enables a service, as Debian's packages do.
set -euo pipefail

setup=$(realpath "$(dirname "$0")/../../.ci/setup")
policy=/usr/sbin/policy-rc.d

if [ "${1-}" != inside ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "SKIPPED: setup_test: mounting needs root"
    exit 77
  fi
  exec unshare --mount --propagation private "$0" inside
fi

folder=$(mktemp -d)
trap 'umount /usr/sbin /etc/systemd/system; rm -rf "$folder"' EXIT
mount -t tmpfs tmpfs /usr/sbin
mount -t tmpfs tmpfs /etc/systemd/system
services=/etc/systemd/system
mkdir "$services/multi-user.target.wants"
printf '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' |
  tee "$services/packaged.service" >"$services/mine.service"
ln -s "$services/mine.service" "$services/multi-user.target.wants/"

cat >"$folder/dpkg-query" <<'END'
#!/bin/sh
exit 1
END
cat >"$folder/apt-get" <<'END'
#!/bin/sh
echo "$*" >>"$APT_LOG"
status=0
/usr/sbin/policy-rc.d packaged start >/dev/null 2>&1 || status=$?
echo "policy $status" >>"$APT_LOG"
[ "$1" = install ] || exit 0
ln -sf /etc/systemd/system/packaged.service /etc/systemd/system/multi-user.target.wants/
exit "$APT_STATUS"
END
chmod 755 "$folder"/*

failures=0
expect() {
  local what=$1
  shift
  if ! "$@"; then
    echo "FAILED: $what" >&2
    failures=$((failures + 1))
  fi
}
# run WORD APT_STATUS: what apt-get was asked and found is in $folder/log afterwards.
run() {
  rm -f "$folder/log"
  status=0
  PATH="$folder:$PATH" APT_LOG="$folder/log" APT_STATUS=$2 "$setup" "$1" \
    >"$folder/output" 2>&1 || status=$?
}
is_absent() { [ ! -e "$1" ] && [ ! -L "$1" ]; }

run test 0
expect "setup test ends well" [ "$status" -eq 0 ]
expect "no service may start meanwhile" grep -qx 'policy 101' "$folder/log"
expect "the policy is taken away" is_absent "$policy"
expect "servers are for the tests" grep -q ' kamailio ' "$folder/log"
if command -v systemctl >/dev/null; then
  expect "nor does the service start with the machine" \
    is_absent "$services/multi-user.target.wants/packaged.service"
fi
expect "others do as before" [ -L "$services/multi-user.target.wants/mine.service" ]

run build 0
expect "setup build ends well" [ "$status" -eq 0 ]
for server in nginx postgresql prometheus rtpengine kamailio etcd-server; do
  expect "building needs no $server" \
    [ -z "$(grep -w "$server" "$folder/log" | sed 's/prometheus-cpp-dev//g' | grep -w "$server")" ]
done

run build 100
expect "apt-get's failure is setup's" [ "$status" -eq 1 ]
expect "no service may start meanwhile either" grep -qx 'policy 101' "$folder/log"
expect "the policy is taken away after a failure" is_absent "$policy"

printf '#!/bin/sh\nexit 104\n' >"$policy"
chmod 755 "$policy"
run test 0
expect "the machine's own policy counts" grep -qx 'policy 104' "$folder/log"
expect "and stays" [ -x "$policy" ]

run kubernetes 0
expect "setup kubernetes ends well" [ "$status" -eq 0 ]
expect "etcd is for the API server" grep -q ' etcd-server ' "$folder/log"

for words in "" "all"; do
  run "$words" 0
  expect "setup '$words' is refused" [ "$status" -eq 2 ]
  expect "before apt-get is asked" is_absent "$folder/log"
done
[ "$failures" -eq 0 ] || { cat "$folder/output" >&2; exit 1; }
