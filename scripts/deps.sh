#!/usr/bin/env bash
# Installs what is missing with apt. Usage: scripts/deps.sh GROUP...  with groups build, test, demo, experiments, browser, format.
# Checks for the things themselves (programs, headers, files), so that self-built ones count.
set -euo pipefail

cc=${CC:-cc}
missing=()

need() { # PACKAGE COMMAND...: missing when the command fails
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
program() { command -v "$1"; }
library() { command -v pkg-config >/dev/null && pkg-config --exists "$1"; }
header() { echo "#include <$1>" | "$cc" "${@:2}" -E -x c -; }

check_compiler() {
    if ! program "$cc" >/dev/null; then
        [ "$cc" = cc ] && missing+=(gcc) || missing+=("$cc")
        [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
        return
    fi
    need libc6-dev header stdio.h
    if "$cc" --version | grep -q clang; then
        local version
        version=$("$cc" -dumpversion)
        need "libomp-${version%%.*}-dev" header omp.h -fopenmp
    fi
}

for group in "$@"; do
    case $group in
    build)
        check_compiler
        need cmake program cmake
        need make program make
        need pkg-config program pkg-config
        need libopenblas-dev library openblas
        need libjansson-dev library jansson
        need libpcre2-dev library libpcre2-8
        need zlib1g-dev library zlib
        need libmicrohttpd-dev library libmicrohttpd
        need libsqlite3-dev library sqlite3
        case $(uname -m) in
        x86_64 | aarch64) need libdnnl-dev header oneapi/dnnl/dnnl.h ;; # elsewhere the build goes on without it
        esac
        ;;
    test) need libcmocka-dev library cmocka ;;
    demo)
        need wordnet-base test -r /usr/share/wordnet/data.noun
        need bible-kjv program bible
        need fortunes test -r /usr/share/games/fortunes/science
        ;;
    experiments) need python3 program python3 ;;
    browser)
        need nodejs program node
        need npm program npm
        [ -n "${CHROMIUM:-}" ] || need chromium program chromium
        ;;
    format) need clang-format-14 program clang-format-14 ;;
    *)
        echo "deps.sh: no group \"$group\"; there are build, test, demo, experiments, browser and format" >&2
        exit 2
        ;;
    esac
done

[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
give_up() {
    echo "Missing: ${missing[*]}" >&2
    echo "$1; please run:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 1
}

command -v apt-get >/dev/null || give_up "There is no apt-get here to install them with"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || give_up "Installing them needs root, and there is no sudo"
    # Without a terminal sudo cannot ask for a password.
    [ -t 0 ] || sudo -n true 2>/dev/null || give_up "Installing them needs root"
    as_root=sudo
fi
echo "Installing ${missing[*]}" >&2
run_apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@"; }
# Package lists may be missing or old (a fresh container): then once more with new ones.
run_apt ${install#apt-get } >&2 || { run_apt update >&2 && run_apt ${install#apt-get } >&2; } ||
    give_up "apt-get could not install them"
