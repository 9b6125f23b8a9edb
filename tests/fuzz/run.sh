#!/usr/bin/env bash
# Runs one fuzzer: run.sh NAME FOLDER SECONDS. FOLDER is the build's tests/fuzz. What it learns stays
# in FOLDER/runs/NAME/corpus; a finding is left beside it and the run fails. Prints one line.
set -euo pipefail

name=$1 binary=$2/bin/fuzz_$1 seeds=$2/seeds/$1 folder=$2/runs/$1 seconds=$3
# To libFuzzer 0 and what is no number mean: for ever.
if ! [[ $seconds =~ ^[1-9][0-9]{0,6}$ ]]; then
  echo "fuzz: FUZZ_SECONDS '$seconds' is no time: give seconds, 1 to 9999999" >&2
  exit 255  # xargs then starts no other
fi
dictionary=$(dirname "$0")/$name.dict
[ -f "$dictionary" ] || dictionary=
mkdir -p "$folder/corpus"
log=$folder/log.txt
status=0
"$binary" "$folder/corpus" "$seeds" -max_total_time="$seconds" -rss_limit_mb=1024 \
  -malloc_limit_mb=512 -timeout=10 -max_len=16384 -artifact_prefix="$folder/" \
  -print_final_stats=1 ${dictionary:+-dict="$dictionary"} >"$log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
  echo "fuzz $name: FINDING, status $status; see $log" >&2
  grep -E 'property violated|ERROR:|SUMMARY:|runtime error|Test unit written' "$log" >&2 || true
  exit 1
fi
executions=$(awk '/stat::number_of_executed_units/ { print $2 }' "$log")
edges=$(awk '{ for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) } END { print edges }' "$log")
echo "fuzz $name: no finding in $seconds s, $executions executions, $edges edges"
