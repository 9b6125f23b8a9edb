#!/usr/bin/env bash
# Puts the root file system of an image into the folder $1: the programs named by the other arguments
# (from /programs), the shared libraries that they need, what resolving names and TLS need, the
# licences of all that, and a list of it in SPDX (sbom.sh). No shell, no package manager.
set -euo pipefail
root=$1
shift
programs=("$@")
here=$(cd "$(dirname "$0")" && pwd)
own=$root/usr/share/doc/audio-latency-tracker
user=65532

# The mount points are those that container runtimes use.
mkdir -p "$root"/{dev,etc/ssl/certs,proc,run,sys,tmp,usr/{bin,lib/ssl},var/lib/dpkg/status.d} "$own"
chmod 1777 "$root/tmp"

# /lib, and on some architectures /lib64, are links into /usr, as the builder has them.
for link in /lib /lib64; do
  if [ -L "$link" ]; then
    mkdir -p "$root$(realpath "$link")"
    cp -P "$link" "$root$link"
  fi
done

for program in "${programs[@]}"; do
  install -m 755 "/programs/$program" "$root/usr/bin/$program"
done

# What ldd names: "libz.so.1 => /lib/…/libz.so.1 (0x…)", and the loader, "/lib64/ld-….so.2 (0x…)".
mapfile -t libraries < <(
  for program in "${programs[@]}"; do
    ldd "$root/usr/bin/$program"
  done | awk '/not found/ { print "make-root: missing " $0 >"/dev/stderr"; failed = 1 }
              $2 == "=>" && $3 ~ /^\// { print $3 }
              $1 ~ /^\// { print $1 }
              END { exit failed }' | sort -u)
[ "${#libraries[@]}" -gt 0 ] || { echo "make-root: ldd named no library" >&2; exit 1; }

# Files from Debian's packages, by their real paths.
files=()
for library in "${libraries[@]}"; do
  place=$(realpath "$(dirname "$library")")
  file=$(realpath "$library")
  mkdir -p "$root$place" "$root$(dirname "$file")"
  cp "$file" "$root$file"
  # The name that programs ask for is mostly a link to the file.
  [ "$place/$(basename "$library")" = "$file" ] || cp -P "$library" "$root$place/"
  files+=("$file")
done
bundle=/etc/ssl/certs/ca-certificates.crt
cp "$bundle" "$root$bundle"
# Where OpenSSL looks by default.
ln -s "$bundle" "$root/usr/lib/ssl/cert.pem"
cp /usr/lib/os-release "$root/usr/lib/os-release"
ln -s ../usr/lib/os-release "$root/etc/os-release"
files+=(/usr/lib/os-release)

echo "hosts: files dns" >"$root/etc/nsswitch.conf"
printf '%s\n' "root:x:0:0:root:/:/sbin/nologin" \
  "nonroot:x:$user:$user:nonroot:/:/sbin/nologin" >"$root/etc/passwd"
printf '%s\n' "root:x:0:" "nonroot:x:$user:" >"$root/etc/group"

# The package of a file. The database knows some by their paths from before /lib was a link.
package_of() {
  { dpkg-query -S "$1" 2>/dev/null || dpkg-query -S "${1#/usr}"; } | sed 's/:.*//; q'
}
table=$(mktemp)
trap 'rm -f "$table"' EXIT
for file in "${files[@]}"; do
  printf '%s\t%s\n' "$(package_of "$file")" "$file"
done >"$table"
# Made when that package is installed, so the database does not know it.
printf '%s\t%s\n' ca-certificates "$bundle" >>"$table"

# Licences, and Debian's record of each package where scanners look for it in an image without dpkg.
for package in $(cut -f 1 "$table" | sort -u); do
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
done
install -m 644 "$here/../LICENSE" "$own/copyright"
# The texts that these only name. The probe's BPF programs are under GPL-2.
mkdir -p "$root/usr/share/common-licenses"
for licence in $(
  { echo GPL-2; grep -rhoE '/usr/share/common-licenses/[A-Za-z0-9.-]+' "$root/usr/share/doc"; } |
    sed 's|.*/||; s/[.]*$//' | sort -u); do
  if [ -e "/usr/share/common-licenses/$licence" ]; then
    cp -L "/usr/share/common-licenses/$licence" "$root/usr/share/common-licenses/"
  fi
done

"$here/sbom.sh" "$root" "$table" "${programs[@]}" >"$own/sbom.spdx.json.new"
mv "$own/sbom.spdx.json.new" "$own/sbom.spdx.json"
