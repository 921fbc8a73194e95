#!/usr/bin/env bash
# Sets up with the test extra and runs the tests, two files at a time. Arguments go to pytest:
#   bash tools/test.sh [-m slow] [tests/models] [-k name] ...
# What takes longest is listed by --durations=30 (tests), or by file and test with
#   bash tools/test.sh --junitxml=report.xml; python tools/slowest_tests.py report.xml
set -euo pipefail
. "$(dirname "$0")/environment.sh"
install_lm_zoo "[test]"
echo "== Running: pytest $*"
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-3}"
exec python -P -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder "$@"
