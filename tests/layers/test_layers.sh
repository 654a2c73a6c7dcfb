#!/usr/bin/env bash
# Who may include whom, libraries that stay in their corner, file sizes, and no global mutable state
# (docs/architecture.md, "Folders, and who may use whom"). $1: the path of sae, whose build folder has the objects.
set -euo pipefail
cd "$(dirname "$0")/../.."
failed=0
complain() {
    echo "$*"
    failed=1
}

# ---- includes ------------------------------------------------------------------------------------------
includes=$(mktemp)
trap 'rm -f "$includes"' EXIT
find src cli web examples include tests bench -name '*.[ch]' -exec awk '
    match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+[>"]/) {
        text = substr($0, RSTART, RLENGTH)
        sub(/^[^<"]*/, "", text)
        print FILENAME, substr(text, 1, 1), substr(text, 2, length(text) - 2)
    }' {} + >"$includes"
[ -s "$includes" ] || complain "no includes found: the check itself is broken"

awk '
BEGIN {
    # what each folder of src/ may use besides itself
    allow["base"] = ""
    allow["io"] = "base"
    allow["kernels"] = "io base"
    allow["model"] = "kernels io base"
    allow["lm"] = "kernels io base"
    allow["data"] = "lm kernels io base"
    allow["train"] = "data model kernels io base"
    allow["bench"] = "train data lm model kernels io base"
    allow["analysis"] = "train data lm model kernels io base"
    allow["store"] = "io base"
    allow["dash"] = "store analysis data lm model kernels io base"
    allow["export"] = "store dash analysis data lm model kernels io base"
    allow["report"] = "analysis train data lm model kernels io base"
    # the folder that a public header belongs to
    home["status"] = home["env"] = home["options"] = "base"
    home["tensor"] = home["io"] = "io"
    home["model"] = "model"; home["lm"] = "lm"; home["data"] = "data"; home["train"] = "train"
    home["analysis"] = home["compare"] = home["family"] = home["sparsity_match"] = home["stitch"] = home["meta"] = "analysis"
    home["frontier"] = home["report"] = "report"
    home["bench"] = "bench"
    home["store"] = home["labels"] = "store"
    home["dash"] = "dash"
    home["export"] = home["import"] = "export"
    # headers of libraries, and the only files that may include them
    corner["cblas.h"] = "^src/kernels/cpu/blas\\.c$"
    corner["oneapi/dnnl/dnnl.h"] = "^src/kernels/cpu/onednn/"
    corner["pcre2.h"] = "^src/lm/"
    corner["zlib.h"] = "^(src/io/g?zip|web/server/reply\\.c$|tests/)"
    corner["jansson.h"] = "^(src/(io|lm|model|train|dash|export)/|web/server/|tests/)"
    corner["microhttpd.h"] = "^web/server/server\\.c$"
    corner["cmocka.h"] = "^tests/"
    corner["sqlite3.h"] = "^(src|tests)/store/"
    corner["immintrin.h"] = "^src/kernels/cpu/"
}
function bad(why) { print $1 " includes " $2 $3 ": " why; failed = 1 }
function module(path, parts) { return split(path, parts, "/") > 1 ? parts[1] : "" }
function permitted(from, to) { return from == to || index(" " allow[from] " ", " " to " ") }
{
    split($1, where, "/")
    target = $3
    if (target in corner && $1 !~ corner[target]) bad("that header belongs to " corner[target])
    public = ""
    if ($2 == "<" && target ~ /^sae\//) {
        public = target; sub(/^sae\//, "", public); sub(/\.h$/, "", public)
        if (!(public in home)) bad("a public header without a home; name it in this test")
    }
    if (where[1] == "src") {
        if (!(where[2] in allow)) bad("src/" where[2] " is a folder that the layers do not know")
        if ($2 == "\"") {
            if (!permitted(where[2], module(target))) bad(where[2] " may not use " module(target))
        } else if (public != "" && !permitted(where[2], home[public])) {
            bad(where[2] " may not use " home[public])
        }
    } else if (where[1] == "include") {
        own = where[3]; sub(/\.h$/, "", own)
        if ($2 == "\"") bad("public headers include only <sae/...> and the C library")
        if (public != "" && !permitted(home[own], home[public])) bad(home[own] " may not use " home[public])
    } else if (where[1] == "cli") {
        if ($2 == "\"" && target !~ /^cli\// && target != "web/server/server.h") bad("the command line uses public headers only")
        if ($2 == "<" && target ~ /^(jansson|pcre2|cblas|omp)/) bad("the command line uses public headers only")
    } else if (where[1] == "web") {
        if ($2 == "\"" && target !~ /^web\/server\//) bad("the web server uses public headers only")
    } else if (where[1] == "examples") {
        if ($2 == "\"") bad("examples use public headers only")
    }
}
END { exit failed }' "$includes" || failed=1

# ---- sizes -----------------------------------------------------------------------------------------------
while read -r lines file; do
    [ "$file" = total ] || [ "$lines" -le 500 ] || complain "$file has $lines lines; files have at most 500"
done < <(find src cli web include tests bench examples experiments scripts demo -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \
    -o -name '*.js' -o -name '*.mjs' -o -name '*.css' -o -name '*.html' |
    grep -v -e '/golden/.*json' -e '/node_modules/' | xargs wc -l)

# ---- no global mutable state -----------------------------------------------------------------------------
# Writable sections of every object. Sanctioned: the allocation counters for tests, the choice of the BLAS library,
# made once, and what a signal handler sets; locks of OpenMP critical sections are the compiler's.
build=$(dirname "${1:?usage: $0 PATH_OF_SAE}")
if ! command -v nm >/dev/null; then
    echo "nm is not installed: the check for global mutable state was skipped"
elif grep -q '^SAE_SANITIZE:BOOL=ON' "$build/CMakeCache.txt"; then
    echo "a sanitized build has variables of its own: the check for global mutable state was skipped"
else
    # paths from there on: the folders above it may have names like those
    objects=$(cd "$build/CMakeFiles" && find . -name '*.o' -path './sae*.dir/*' ! -path './sae_ref*')
    [ -n "$objects" ] || complain "no objects under $build: the check itself is broken"
    # shellcheck disable=SC2086
    globals=$(cd "$build/CMakeFiles" && nm -A -f sysv $objects | awk -F'|' '
        $4 ~ /OBJECT|TLS/ && $7 ~ /^ *\.?(data|bss|tdata|tbss|\*COM\*)(\.|$| )/ && $7 !~ /rel\.ro/ && $1 !~ /gomp_critical/ {
            sub(/^.*CMakeFiles\//, "", $1); gsub(/ +$/, "", $1); print $1
        }' | grep -v -e '/src/base/alloc\.c\.o:' -e '/src/kernels/cpu/blas\.c\.o:library' \
            -e '/cli/signals\.c\.o:stop_requested' || true)
    [ -z "$globals" ] || complain "global mutable state:" "$globals"
fi
exit "$failed"
