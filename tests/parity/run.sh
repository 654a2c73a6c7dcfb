#!/usr/bin/env bash
# The parity suites: libsae against the tools it must agree with.
#
#   tests/parity/run.sh BUILD [SUITE.py …]      all suites of this folder, or those named
#
# Each suite takes the build folder and ends with "N passed, N failed"; the last line here is their sum. PYTHON
# is the interpreter; without it scripts/venv.sh makes an environment. A suite with a line "# requirements: FILE" has one of its
# own, whatever PYTHON is.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# -ge 1 ] || { echo "usage: run.sh BUILD [SUITE.py …]" >&2; exit 2; }
build=$1
shift
[ $# -gt 0 ] || mapfile -t suites < <(grep -l '^if __name__ == "__main__":' tests/parity/*.py)
[ $# -eq 0 ] || suites=("$@")
common=
python_for()
{
    local own
    own=$(sed -n 's/^# requirements: //p' "$1")
    if [ -n "$own" ]; then
        python=$(scripts/venv.sh "tests/parity/$own")
    else
        common=${common:-${PYTHON:-$(scripts/venv.sh tests/parity/requirements.txt)}}
        python=$common
    fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for suite in "${suites[@]}"; do
    echo "== $(basename "$suite")"
    status=0
    python_for "$suite"
    # Nothing is to be fetched while testing: every model and data set here is made or committed.
    HF_HUB_OFFLINE=1 WANDB_MODE=disabled "$python" "$suite" "$build" 2>&1 | tee "$log" || status=$?
    last=$(tail -n 1 "$log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        [ "$status" -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ] || failed=$((failed + 1))
    else
        echo "FAIL $(basename "$suite") ended without its count (exit status $status)"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
