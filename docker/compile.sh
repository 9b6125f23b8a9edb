#!/usr/bin/env bash
# Compiles the programs, stripped, into the folder $1: the builder stage of the images. A compiler
# cache is used where one is mounted at /ccache.
set -euo pipefail
output=$1
cd "$(dirname "$0")/.."

if [ -d /ccache ]; then
  # Paths relative and the language as usual, so that what was compiled outside counts; no limit of
  # size, which is for the owner of the cache to set.
  export CCACHE_DIR=/ccache CCACHE_BASEDIR=/ CCACHE_MAXSIZE=0 LANG=C.UTF-8
else
  export CCACHE_DISABLE=1
fi

programs=(audio-latency-probe audio-latency-correlator audio-latency)
cmake --preset release -D BUILD_TESTING=OFF -Wno-dev
# Whoever builds images on a machine wants to go on working on it.
nice -n 19 cmake --build build --target "${programs[@]}"
mkdir -p "$output"
for program in "${programs[@]}"; do
  strip -o "$output/$program" "build/bin/$program"
done
rm -rf build
