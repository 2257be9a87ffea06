#!/usr/bin/env bash
# ./x test [LAYER...]: installs what is missing, then hands over to tools/run_tests.py.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh build up test
exec .venv/bin/python tools/run_tests.py "$@"
