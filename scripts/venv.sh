#!/usr/bin/env bash
# A Python virtual environment with pinned packages, made once and kept between runs.
#
#   scripts/venv.sh REQUIREMENTS.txt      prints the path of its python
#
# It lies in ${SAE_VENV:-~/.cache/sae-venv}/KEY, where KEY is a hash of the requirements, of the constraint files
# they name and of the Python version, so a change of any makes a new one. PYTHON chooses the interpreter.
set -euo pipefail

die()
{
    echo "venv.sh: $*" >&2
    exit 1
}

[ $# -eq 1 ] || die "usage: venv.sh REQUIREMENTS.txt"
requirements=$1
[ -r "$requirements" ] || die "$requirements: cannot be read"

# The first Python that is new enough for the pinned packages and can make environments.
find_python()
{
    local candidate
    for candidate in ${PYTHON:-python3 /usr/bin/python3}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.11 or newer with the venv module: apt-get install python3-venv"
}

# The requirements and the files they name with -c or -r (relative to them).
inputs()
{
    echo "$requirements"
    sed -n 's/^-[cr] *//p' "$requirements" | while read -r name; do echo "$(dirname "$requirements")/$name"; done
}

# PyTorch's own index has builds without CUDA, gigabytes smaller: used where it can be reached.
install()
{
    local cpu=https://download.pytorch.org/whl/cpu
    local reachable="import urllib.request; urllib.request.urlopen('$cpu/torch/', timeout=10)"
    "$venv/bin/python" -c "$reachable" 2>/dev/null || cpu=
    "$venv/bin/python" -m pip install --disable-pip-version-check ${cpu:+--extra-index-url "$cpu"} -r "$requirements"
    # A package that asks for far more than what is used of it: a line "# without dependencies: NAME==VERSION".
    sed -n 's/^# without dependencies: *//p' "$requirements" | while read -r name; do
        "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps "$name"
    done
}

python=$(find_python)
version=$("$python" -c 'import sys; print(sys.version)')
key=$({ echo "$version"; inputs | xargs -d '\n' cat; } | sha256sum | cut -c1-16)
root=${SAE_VENV:-${HOME:-/tmp}/.cache/sae-venv}
venv=$root/$key
mkdir -p "$root"

exec 9>"$root/$key.lock"
flock 9
if [ ! -e "$venv/complete" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv" >&2
    if ! install >"$root/$key.log" 2>&1; then
        tail -n 20 "$root/$key.log" >&2
        die "pip could not install $requirements into $venv (all of its output: $root/$key.log)"
    fi
    touch "$venv/complete"
fi
echo "$venv/bin/python"
