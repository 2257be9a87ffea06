#!/usr/bin/env bash
# Configures and builds a preset (default: dev): tools/build.sh [PRESET] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/lib.sh

preset="${1:-dev}"
[ $# -gt 0 ] && shift
case "$preset" in
    dev | ci) directory=build ;;
    *) directory="build-$preset" ;;
esac

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
say "configuring $preset"
if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    die "the configuration failed (above)"
fi
say "building $preset${*:+: $*}"
targets=()
[ $# -gt 0 ] && targets=(--target "$@")
cmake --build "$directory" --parallel "$(jobs_default)" "${targets[@]}"
