#!/usr/bin/env bash
# The page's sources: nothing that turns text into markup or code, nothing inline, nothing from elsewhere, no file that
# is missing or too large.
set -uo pipefail
cd "$(dirname "$0")/../../web/page" || exit 1
failed=0
complain() {
    echo "$*"
    failed=1
}
forbid() { # WHY PATTERN FILE…
    local why=$1 pattern=$2 found
    shift 2
    found=$(grep -nE -e "$pattern" "$@" /dev/null) && complain "$why:" "$found"
}

# The check must find what it looks for.
printf 'x.innerHTML = token;\n' | grep -qE 'innerHTML' || complain "the check itself is broken"

forbid "text would become markup" 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|setHTML' ./*.js
forbid "text would become code" '\beval\b|new Function|setTimeout\(["'"'"'`]|setInterval\(["'"'"'`]|javascript:' ./*.js ./*.html
forbid "an inline style or handler" 'setAttribute\(["'"'"'](style|on)|[^a-z]style:|\bon[a-z]+=' ./*.js
forbid "an inline style, handler or script" 'style=|[^a-z]on[a-z]+=|<style|<script>' ./*.html
forbid "something from elsewhere" '(src|href|url|import|fetch)[ (=:]*["'"'"'(]*(https?:)?//' ./*.js ./*.css ./*.html
forbid "a font or a picture of another origin" '@import|@font-face' ./*.css

while read -r file name; do
    [ -f "$name" ] || complain "$file imports $name, which is not there"
done < <(grep -oHE 'from "\./[a-z_]+\.js"' ./*.js | sed -E 's/^\.\/([^:]+):from "\.\/(.*)"$/\1 \2/')
for name in *.js; do
    case $name in main.js | theme.js) continue ;; esac
    grep -qE "from \"\./$name\"" ./*.js || complain "$name is used by nothing"
done

size=$(for file in *; do gzip -9 -c "$file" | wc -c; done | awk '{ sum += $1 } END { print sum }')
echo "the page takes $size bytes compressed"
[ "$size" -le 81920 ] || complain "the page takes $size bytes compressed; it may take 81,920"

if command -v node >/dev/null; then
    node --no-warnings --experimental-vm-modules -e '
        const fs = require("fs"), vm = require("vm");
        for (const name of process.argv.slice(1)) {
            const text = fs.readFileSync(name, "utf8");
            name === "theme.js" ? new vm.Script(text, { filename: name }) : new vm.SourceTextModule(text, { identifier: name });
        }' *.js || complain "a script cannot be parsed"
else
    echo "node is not installed: the scripts were not parsed"
fi
exit "$failed"
