#!/usr/bin/env bash
# Formats C++ and Python in place.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t cpp < <(git ls-files -co --exclude-standard '*.cpp' '*.hpp')
clang-format-16 -i "${cpp[@]}"
.venv/bin/ruff check --quiet --fix-only .
.venv/bin/ruff format --quiet .
