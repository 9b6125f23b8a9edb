#!/usr/bin/env bash
# Runs one test of a build with sanitizers, and fails it when any of its processes was reported: a
# program that the test starts too, whatever the test does with its exit status, and one that is
# killed.
#
#   run_test.sh REPORTS_FOLDER PROGRAM [ARGUMENT]...
set -uo pipefail
reports=$1
shift
rm -rf "$reports"
mkdir -p "$reports"
# Programs that gave up root write there too.
chmod 1777 "$reports"
for name in ASAN LSAN TSAN UBSAN; do
  options=${name}_OPTIONS
  export "$options=${!options:-} log_path=$reports/$name"
done

"$@"
status=$?
if [[ -n $(ls -A "$reports") ]]; then
  tail -n +1 "$reports"/*
  echo "FAILED: a sanitizer reported what stands above (status of the test: $status)"
  exit 1
fi
exit "$status"
