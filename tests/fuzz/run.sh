#!/usr/bin/env bash
# Runs one fuzzer: run.sh NAME BINARY FOLDER SEEDS SECONDS [DICTIONARY]. What it learns stays in
# FOLDER/NAME/corpus; a finding is left beside it and the run fails. Prints one line.
set -euo pipefail

name=$1 binary=$2 folder=$3/$1 seeds=$4 seconds=$5 dictionary=${6:-}
mkdir -p "$folder/corpus"
log=$folder/log.txt
status=0
"$binary" "$folder/corpus" "$seeds" -max_total_time="$seconds" -rss_limit_mb=1024 \
  -malloc_limit_mb=512 -timeout=10 -max_len=16384 -artifact_prefix="$folder/" \
  -print_final_stats=1 ${dictionary:+-dict="$dictionary"} >"$log" 2>&1 || status=$?
executions=$(awk '/stat::number_of_executed_units/ { print $2 }' "$log")
coverage=$(awk '{ for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) } END { print edges }' "$log")
if [ "$status" -ne 0 ]; then
  echo "fuzz $name: FINDING after $seconds s at most, status $status; see $log" >&2
  grep -E 'property violated|ERROR:|SUMMARY:|runtime error|Test unit written' "$log" >&2 || true
  exit 1
fi
echo "fuzz $name: no finding in $seconds s, ${executions:-0} executions, ${coverage:-0} edges"
