#!/usr/bin/env bash
# Prints the path of a kube-apiserver, which is built from Debian's source package where it is not
# in the cache yet (about 6 minutes on 2 cores, 2 GB of disk meanwhile, 110 MB afterwards):
#
#   tests/kubernetes/api_server/build.sh            builds what is missing, prints the path
#   tests/kubernetes/api_server/build.sh --cached   prints the path, or fails when it is not built
#
# The cache is ${XDG_CACHE_HOME:-$HOME/.cache}/audio-latency-tracker/kube-apiserver-<version>/. A
# folder appears there whole or not at all, and carries the checksum of what it holds. Needs no
# root: Debian's Go compiler is unpacked beside the source and removed with it, apt's lists are
# private, and nothing of the machine's own sources or packages is changed.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/audio-latency-tracker
# The last Kubernetes of which Debian ships the whole source, not kubectl's part alone.
source_package=kubernetes
kubernetes_version=v1.20.2
go_packages=(golang-1.19-go golang-1.19-src)
# What the source package vendors of it (1.0.1) panics when built by Go 1.18 or newer.
reflect2_package=golang-github-modern-go-reflect2-dev

say() { echo "kube-apiserver: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

# The newest version in the cache that is whole; fails when there is none.
cached() {
  local folder
  while read -r folder; do
    if (cd "$folder" && sha256sum --status --check SHA256SUMS) 2>/dev/null; then
      echo "$folder/kube-apiserver"
      return 0
    fi
    say "$folder is damaged and left out; remove it"
  done < <(find "$cache" -maxdepth 1 -type d -name 'kube-apiserver-*' 2>/dev/null | sort -rV)
  return 1
}

case "$#:${1-}" in
  0:) ;;
  1:--cached)
    cached || fail "none is in $cache; run: make test-kubernetes"
    exit 0
    ;;
  *)
    say "usage: build.sh [--cached]"
    exit 2
    ;;
esac

if cached; then
  exit 0
fi

# Two builds at a time would fight for the cores; the second finds what the first has made.
mkdir -p "$cache"
exec 9>"$cache/kube-apiserver.lock"
flock 9
if cached; then
  exit 0
fi

for tool in dpkg-source dpkg-deb apt-get; do
  command -v "$tool" >/dev/null || fail "$tool is missing; run: .ci/setup kubernetes"
done

started=$SECONDS
work=$(mktemp -d "$cache/build.XXXXXX")
# Go's module and build caches are written without write permission for anybody.
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
log=$work/log
# run WHAT COMMAND…: its output is shown only when it fails.
run() {
  local what=$1
  shift
  say "$what ..."
  "$@" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "$what failed: see above"
  }
}

# The machine's own sources of this Debian release, asked for their source packages too. Entries of
# other origins stay out: one that cannot be reached would fail the whole update.
. /etc/os-release
mkdir -p "$work"/apt/{sources.list.d,lists/partial,archives/partial}
shopt -s nullglob
for file in /etc/apt/sources.list.d/*.sources; do
  awk -v release="$VERSION_CODENAME" '
    BEGIN { RS = ""; FS = "\n" }
    $0 ~ "(^|\n)Suites:[^\n]*[ \t]" release "([ \t\n-]|$)" && /(^|\n)Types:[^\n]*deb/ {
      for (line = 1; line <= NF; ++line) {
        if ($line ~ /^Types:/) print "Types: deb deb-src"
        else if ($line !~ /^#/) print $line
      }
      print ""
    }' "$file" >"$work/apt/sources.list.d/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -r "$file" ] || continue
  awk -v release="$VERSION_CODENAME" '
    $1 == "deb" {
      suite = 3
      for (word = 2; word <= NF && $2 ~ /^\[/; ++word) if ($word ~ /\]$/) { suite = word + 2; break }
      if ($suite == release || index($suite, release "-") == 1) {
        print
        sub(/^[ \t]*deb/, "deb-src")
        print
      }
    }' "$file" >"$work/apt/sources.list.d/$(basename "$file" .list).list"
done
apt_options=(
  -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$work/apt/sources.list.d"
  -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt"
  -o "Dir::Cache::archives=$work/apt/archives"
  # What apt runs after an update belongs to the machine's lists, not to these.
  -o "APT::Update::Post-Invoke-Success=" -o "APT::Update::Error-Mode=any"
  -o "Acquire::Languages=none" -o "Acquire::Retries=2"
  # The work folder is ours alone: apt's own user could not enter it.
  -o "APT::Sandbox::User=$(id -un)"
)
cd "$work"
run "fetching the package lists" apt-get "${apt_options[@]}" update
# Signatures and checksums are apt's to check, here and below.
run "fetching the source of $source_package" \
  apt-get "${apt_options[@]}" source --download-only "$source_package"
run "fetching Go" apt-get "${apt_options[@]}" download "${go_packages[@]}" "$reflect2_package"

dsc=$(echo "$source_package"_*.dsc)
[ -f "$dsc" ] || fail "apt-get source $source_package left no .dsc file"
version=$(sed -n 's/^Version: //p' "$dsc" | head -n 1)
run "unpacking $source_package $version" dpkg-source --no-check -x "$dsc" tree
[ -d tree/cmd/kube-apiserver ] ||
  fail "$source_package $version has no kube-apiserver in it; Debian 12 (bookworm) has the whole source"
for package in *.deb; do
  dpkg-deb -x "$package" root
done
# The package tells where it belongs: below the folder of Go's sources as below the vendored ones.
sources=root/usr/share/gocode/src
reflect2=$(find "$sources" -type d -name reflect2 -print -quit)
vendored=tree/vendor/${reflect2#"$sources"/}
[ -n "$reflect2" ] && [ -d "$vendored" ] ||
  fail "$reflect2_package has no folder reflect2 that $source_package $version vendors too"
rm "$vendored"/*.go "$vendored"/*.s
cp "$reflect2"/*.go "$reflect2"/*.s "$vendored"

# GOPATH mode: with -mod=vendor Go asks for updates of go.mod, which it could only fetch.
mkdir -p gopath/src/k8s.io
mv tree gopath/src/k8s.io/kubernetes
export GOROOT=$work/root/usr/lib/go-1.19 GOPATH=$work/gopath GOCACHE=$work/gocache
export GO111MODULE=off CGO_ENABLED=0 GOFLAGS= GOTOOLCHAIN=local GOTMPDIR=$work
unset GOARCH GOOS
go=$GOROOT/bin/go
cd gopath/src/k8s.io/kubernetes

# The one generated file that the source package lacks: the OpenAPI definitions of every type that
# is marked for them. The folders below vendor/k8s.io are links into staging/.
generate_openapi() {
  "$go" build -o "$work/openapi-gen" k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen
  local folders
  folders=$(grep -RlE --include='*.go' --exclude='*_test.go' '^// \+k8s:openapi-gen=' pkg vendor/k8s.io |
    grep -vE '^vendor/k8s.io/(code-generator|sample-apiserver|gengo|kube-openapi)/|/testdata/' |
    xargs -n 1 dirname | sort -u | sed 's#^#k8s.io/kubernetes/#' | paste -sd ,)
  "$work/openapi-gen" --input-dirs "$folders" \
    --output-package k8s.io/kubernetes/pkg/generated/openapi \
    --output-file-base zz_generated.openapi --report-filename "$work/openapi.report" \
    --go-header-file vendor/k8s.io/code-generator/hack/boilerplate.go.txt
}
run "generating the OpenAPI definitions" generate_openapi

# What /version tells, in the two packages that keep it. Without it the server says v0.0.0, and
# charts that ask for a version refuse it.
minor=${kubernetes_version#v1.}
link_flags="-s -w"
for version_package in k8s.io/client-go/pkg/version k8s.io/component-base/version; do
  in_package="-X k8s.io/kubernetes/vendor/$version_package"
  link_flags+=" $in_package.gitVersion=$kubernetes_version $in_package.gitTreeState=clean"
  link_flags+=" $in_package.gitMajor=1 $in_package.gitMinor=${minor%%.*}"
done
run "compiling kube-apiserver $kubernetes_version (about 5 minutes on 2 cores)" \
  "$go" build -trimpath -ldflags "$link_flags" -o "$work/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver

cd "$work"
told=$(./kube-apiserver --version) || fail "what was built does not start"
[ "$told" = "Kubernetes $kubernetes_version" ] ||
  fail "what was built says '$told', not 'Kubernetes $kubernetes_version': Debian's source has another version now; set kubernetes_version in $0"
mkdir whole
mv kube-apiserver whole/
(cd whole && sha256sum kube-apiserver >SHA256SUMS)
place=$cache/kube-apiserver-$version
rm -rf "$place"
mv whole "$place"
say "built in $((SECONDS - started)) s: $place"
echo "$place/kube-apiserver"
