#!/usr/bin/env bash
# The browser suites: pages that sae writes or serves, opened in Chromium.
#
#   tests/browser/run.sh BUILD [SUITE.test.mjs …]      all suites of this folder, or those named
#
# Each suite takes the build folder and ends with "N passed, N failed"; the last line here is their sum. Needs node 18,
# npm and Chromium (CHROMIUM is its path; without it the first of the usual names); what npm installs is what
# package-lock.json pins, and stays in node_modules.
set -uo pipefail
cd "$(dirname "$0")/../.."

[ $# -ge 1 ] || { echo "usage: run.sh BUILD [SUITE.test.mjs …]" >&2; exit 2; }
build=$(realpath "$1") || exit 2
shift
[ $# -gt 0 ] && suites=("$@") || suites=(tests/browser/*.test.mjs)

die()
{
    echo "run.sh: $*" >&2
    exit 1
}

[ -x "$build/sae" ] || die "$build/sae is not there; build it first"
command -v node npm >/dev/null || die "node and npm are missing: apt-get install nodejs npm"
[ -n "${CHROMIUM:-}" ] || CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    die "no Chromium found: apt-get install chromium, or set CHROMIUM to its path"
export CHROMIUM

# npm writes what it installed into node_modules/.package-lock.json.
installed=tests/browser/node_modules/.package-lock.json
if [ ! -e $installed ] || [ tests/browser/package-lock.json -nt $installed ]; then
    (cd tests/browser && npm ci --no-audit --no-fund) || die "npm ci failed"
    touch $installed
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for suite in "${suites[@]}"; do
    echo "== $(basename "$suite")"
    node "$suite" "$build" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
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
