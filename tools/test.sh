#!/usr/bin/env bash
# ./x test [LAYER...]: installs what is missing, then hands over to tools/run_tests.py.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
    --list | --help | -h) exec python3 tools/run_tests.py "$1" ;;  # needs nothing installed
esac
tools/setup.sh build up test
exec .venv/bin/python tools/run_tests.py "$@"
