# What the tests of the command line share. Sourced with $1, the path of sae; makes a scratch folder $tmp.
set -uo pipefail
sae=$(realpath "${1:?usage: test_*.sh PATH_OF_SAE}")
build=$(dirname "$sae")
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
model=$root/demo/model
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
export LC_ALL=C
failures=0
checks=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# The last line of each test.
finish() {
    [ "$checks" -gt 0 ] || fail "nothing was checked"
    echo "$checks checks, $failures failures"
    [ "$failures" -eq 0 ]
}

# rejects STATUS PATTERN COMMAND...: the command exits with STATUS, prints nothing on stdout, and the last line on stderr is
# one that begins with "sae: " and matches PATTERN (extended regular expression).
rejects() {
    local status=$1 pattern=$2 got line
    shift 2
    checks=$((checks + 1))
    "$@" >out.txt 2>err.txt </dev/null
    got=$?
    [ "$got" -eq "$status" ] || fail "exit status $got instead of $status: $* ($(tail -n 1 err.txt))"
    [ ! -s out.txt ] || fail "something on stdout although it failed: $*"
    line=$(tail -n 1 err.txt)
    [[ $line == "sae: "* ]] || fail "no line \"sae: ...\" on stderr: $* (got: $line)"
    grep -Eq -- "$pattern" <<<"$line" || fail "the message does not match \"$pattern\": $* (got: $line)"
    [ "$(grep -c '^sae: ' err.txt)" -eq "$(grep -c '^sae: warning: ' err.txt | awk '{print $1 + 1}')" ] ||
        fail "more than one line \"sae: ...\": $*"
}

# works COMMAND...: exit status 0; stdout goes to out.txt, stderr to err.txt.
works() {
    local got
    checks=$((checks + 1))
    "$@" >out.txt 2>err.txt </dev/null
    got=$?
    [ "$got" -eq 0 ] || fail "exit status $got: $* ($(tail -n 1 err.txt))"
    return "$got"
}

# matches FILE PATTERN: some line does.
matches() {
    checks=$((checks + 1))
    grep -Eq -- "$2" "$1" || fail "no line of $1 matches \"$2\": $(head -n 5 "$1")"
}

# equals WHAT GOT WANTED
equals() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1: got \"$2\", wanted \"$3\""
}

# absent PATH...: nothing is there.
absent() {
    local path
    for path in "$@"; do
        checks=$((checks + 1))
        [ ! -e "$path" ] || fail "$path should not be there"
    done
}

# same PATH PATH: files or folders with the same bytes.
same() {
    checks=$((checks + 1))
    diff -r "$1" "$2" >/dev/null || fail "$1 and $2 differ"
}

# value PATH.TO.KEY [FILE]: a value of the JSON object in out.txt; strings without quotes, arrays and objects as "[N]" and
# "{N}" with their size. An invalid document or a missing key is a failure.
value() {
    "$build/tests/json_value" "$1" <"${2:-out.txt}" || echo "(bad JSON or no key $1)"
}

# has_keys KEY...: the JSON object in out.txt has them all, and stdout is one line.
has_keys() {
    local key
    equals "lines on stdout" "$(wc -l <out.txt)" 1
    for key in "$@"; do
        checks=$((checks + 1))
        "$build/tests/json_value" "$key" <out.txt >/dev/null || fail "the JSON object has no valid key $key"
    done
}

# Some text to read, the same on every day and machine.
make_text() {
    awk -v kilobytes=130 -f "$root/tests/cli/text.awk" >text.txt
}
