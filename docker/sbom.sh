#!/usr/bin/env bash
# Prints what is in an image's root file system as SPDX 2.3 (JSON): sbom.sh ROOT TABLE PROGRAM...
# Each line of TABLE is a Debian package, a tab and a file of it that is in ROOT. Runs in the builder,
# where these packages are installed.
set -euo pipefail
root=$1
table=$2
shift 2
programs=("$@")
here=$(cd "$(dirname "$0")" && pwd)

version=$("$root/usr/bin/${programs[0]}" --version | awk '{ print $NF }')
architecture=$(dpkg --print-architecture)
release=$(. /usr/lib/os-release && echo "$VERSION_ID")
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%dT%H:%M:%SZ)

# "name tab path tab SHA-1 tab SHA-256" of each file, the programs' under the product's name.
files() {
  { cat "$table"; printf 'audio-latency-tracker\t/usr/bin/%s\n' "${programs[@]}"; } |
    while IFS=$'\t' read -r package path; do
      printf '%s\t%s\t%s\t%s\n' "$package" "$path" "$(sha1sum <"$root$path" | cut -c 1-40)" \
        "$(sha256sum <"$root$path" | cut -c 1-64)"
    done
}

# The short names of the licences in a copyright file of Debian's machine-readable form, one a line.
# They are of the source package, its build scripts and tests included.
licences() {
  awk 'NR == 1 && !/^Format:.*copyright-format/ { exit }
       sub(/^License:[ \t]+/, "") { print }' "/usr/share/doc/$1/copyright" | sort -u
}

# One JSON object a line.
packages() {
  cut -f 1 "$table" | sort -u | while read -r package; do
    dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${source:Package}\t${Homepage}\n' \
      "$package" | head -n 1 |
      jq -R --arg licences "$(licences "$package")" \
        'split("\t") | {name: .[0], version: .[1], architecture: .[2], source: .[3],
                        homepage: .[4], licences: ($licences | split("\n") | map(select(. != "")))}'
  done
}

# Of the SHA-1 sums of a package's files, as SPDX 2.3 (7.9) has it.
verification_codes() {
  local package
  cut -f 1 "$files" | sort -u | while read -r package; do
    printf '%s\t%s\n' "$package" "$(awk -F '\t' -v package="$package" \
      '$1 == package { print $3 }' "$files" | sort | tr -d '\n' | sha1sum | cut -c 1-40)"
  done
}

files=$(mktemp)
trap 'rm -f "$files"' EXIT
files >"$files"
jq -n -f "$here/sbom.jq" \
  --arg image "${programs[0]}" --arg version "$version" --arg architecture "$architecture" \
  --arg release "$release" --arg created "$created" \
  --arg files "$(cat "$files")" --arg codes "$(verification_codes)" \
  --arg digest "$(sha256sum <"$files" | cut -c 1-32)" \
  --argjson packages "$(packages | jq -s .)"
