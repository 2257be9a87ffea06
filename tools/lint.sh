#!/usr/bin/env bash
# Every check that needs no running program. All of them run; the exit code says whether all were content.
set -uo pipefail
cd "$(dirname "$0")/.."
source tools/lib.sh

failed=()
check() {
    local name="$1"
    shift
    say "$name"
    "$@" || failed+=("$name")
}

clang_format() {
    git ls-files -co --exclude-standard '*.cpp' '*.hpp' | xargs clang-format-16 --dry-run --Werror
}

# The build is needed for the compile commands, the generated files and the extension that mypy imports.
tools/build.sh >/dev/null || die "the build failed; run ./x build"

check "repository" python3 tools/tidy.py
check "coverage table" python3 tools/coverage.py --check
check "compatibility page" python3 tools/compat_page.py --check
check "clang-format" clang_format
check "ruff check" .venv/bin/ruff check .
check "ruff format" .venv/bin/ruff format --check .
[ -d python/src/vedfolnir ] && check "mypy" .venv/bin/mypy
check "clang-tidy" python3 tools/clang_tidy.py

if [ ${#failed[@]} -gt 0 ]; then
    printf '\nlint: failed: %s\n' "$(IFS=,; echo "${failed[*]}")" >&2
    exit 1
fi
printf '\nlint: clean\n'
