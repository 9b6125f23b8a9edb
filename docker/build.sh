#!/usr/bin/env bash
# Builds both images without a container engine and without a registry, from the Dockerfiles as they
# are: build.sh [FOLDER]. Needs root, and Debian's mirror.
#
# Into FOLDER (build/images) go audio-latency-probe.tar and audio-latency-correlator.tar, which
# `docker load`, `podman load` and `ctr images import` take, and beside each its list of contents,
# NAME.spdx.json. Layers are kept in ${XDG_CACHE_HOME:-~/.cache}/audio-latency-tracker/images, so that
# what did not change is not built again; each week it begins anew, with Debian's updates.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$(dirname "$here")
folder=${1:-$source/build/images}
# What the Dockerfiles begin with, made here: no registry has a part in it.
base=localhost/debian:bookworm-slim
cache=${XDG_CACHE_HOME:-$HOME/.cache}/audio-latency-tracker/images

if [ "$(id -u)" -ne 0 ]; then
  echo "images: building them needs root (file systems are mounted): sudo make images" >&2
  exit 77  # what ctest takes for "skipped"
fi
# Nothing that buildah mounts is to be left, whatever happens.
if [ "${AUDIO_LATENCY_OWN_MOUNTS-}" != yes ]; then
  "$source/.ci/setup" images
  AUDIO_LATENCY_OWN_MOUNTS=yes exec unshare --mount --propagation private "$0" "$@"
fi

mkdir -p "$folder" "$cache"
folder=$(cd "$folder" && pwd)
exec {lock}>"$cache/lock"
flock "$lock"

log=$cache/log
week=$(date +%G-%V)
started=$SECONDS
if [ "$(cat "$cache/week" 2>/dev/null)" != "$week" ]; then
  rm -rf "$cache"/{storage,run,tmp,week}
fi
mkdir -p "$cache"/{storage,run,tmp}
export TMPDIR=$cache/tmp
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$cache/policy.json"
echo 'unqualified-search-registries = ["localhost"]' >"$cache/registries.conf"

# quietly COMMAND...: what it prints is shown only when it fails.
quietly() {
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    echo "images: $1 failed; see above, all of it is in $log" >&2
    exit 1
  fi
}
storage=(--root "$cache/storage" --runroot "$cache/run" --storage-driver "${STORAGE_DRIVER:-overlay}")
trust=(--signature-policy "$cache/policy.json")

make_base() {
  echo "images: making $base with mmdebstrap ..."
  quietly mmdebstrap --variant=minbase bookworm "$cache/tmp/base.tar"
  local container
  container=$(buildah "${storage[@]}" from --pull-never scratch)
  quietly buildah "${storage[@]}" add "$container" "$cache/tmp/base.tar" /
  quietly buildah "${storage[@]}" commit --rm "${trust[@]}" "$container" "$base"
  rm "$cache/tmp/base.tar"
  echo "$week" >"$cache/week"
}
buildah "${storage[@]}" inspect --type image "$base" >/dev/null 2>&1 || make_base

# The compiler cache of this machine, where it has one.
volumes=()
if command -v ccache >/dev/null; then
  compiler_cache=$(ccache --get-config cache_dir)
  mkdir -p "$compiler_cache"
  volumes=(--volume "$compiler_cache:/ccache:rw")
fi
revision=$(git -C "$source" rev-parse HEAD 2>/dev/null || echo unknown)

for name in audio-latency-probe audio-latency-correlator; do
  echo "images: building $name ..."
  quietly buildah "${storage[@]}" bud --layers --isolation chroot --pull-never "${trust[@]}" \
    --registries-conf "$cache/registries.conf" --format docker --build-arg "REVISION=$revision" \
    "${volumes[@]}" --tag "$name" --file "$here/${name#audio-latency-}.Dockerfile" "$source"
  version=$(buildah "${storage[@]}" inspect --type image \
    --format '{{index .Docker.Config.Labels "org.opencontainers.image.version"}}' "$name")
  rm -f "$folder/$name.tar"
  quietly buildah "${storage[@]}" push "${trust[@]}" "$name" \
    "docker-archive:$folder/$name.tar:$name:$version"
  layer=$(tar -xOf "$folder/$name.tar" manifest.json | jq -r '.[0].Layers[-1]')
  tar -xOf "$folder/$name.tar" "$layer" |
    tar -xO usr/share/doc/audio-latency-tracker/sbom.spdx.json >"$folder/$name.spdx.json"
  printf 'images: %s:%s, %s MB (%s MB packed): %s\n' "$name" "$version" \
    "$(($(stat -c %s "$folder/$name.tar") / 1000000))" \
    "$(($(gzip -1 -c "$folder/$name.tar" | wc -c) / 1000000))" "$folder/$name.tar"
done
echo "images: done in $((SECONDS - started)) s"
