#!/usr/bin/env bash
# Runs tests of the chart: run.sh FILE... (all of this folder's when none is named). The tools come from .ci/tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=$("$here/../../.ci/tools")
export HELM=$tools/bin/helm KUBECTL=$tools/bin/kubectl NODE_PATH=$tools/node_modules
# Helm keeps its repositories and plug-ins, of which these tests need none, away from the user's.
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export HELM_CACHE_HOME=$home HELM_CONFIG_HOME=$home HELM_DATA_HOME=$home
[ "$#" -gt 0 ] || set -- "$here"/*_test.js
node --test "$@"
