#!/usr/bin/env bash
# The reports that sae compare and sae stitch write: what is beside them, hostile names, what stops them.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 4k --out acts
works "$sae" train --acts acts --batch 256 --held-out 0.1 --width 32,64,128 --k 4 --tokens 20k --out saes
small=saes/batchtopk-64-k4 large=saes/batchtopk-128-k4

# linked PAGE: every file that the page links to lies beside it.
linked() {
    local file count=0
    while read -r file; do
        count=$((count + 1))
        checks=$((checks + 1))
        [ -s "$(dirname "$1")/$file" ] || fail "$1 links to $file, which is not there"
    done < <(grep -oE 'href="[0-9a-z_./-]+\.(csv|json|html)"' "$1" | cut -d'"' -f2)
    checks=$((checks + 1))
    [ "$count" -gt 0 ] || fail "$1 links to nothing"
}

# ---- the files -------------------------------------------------------------------------------------------
works "$sae" compare $small $large --acts acts --latent 5 --out comparison
matches out.txt '^Wrote the report comparison/index.html'
works "$sae" stitch $small $large --acts acts --model "$model" --text text.txt --text-tokens 512 --ce-points 3 --out stitching
matches stitching/ce.svg '^</svg>$'
works "$sae" stitch $small $large --acts acts --out stitching --force
absent stitching/ce.svg
matches out.txt '^Wrote the report stitching/index.html'
works "$sae" compare saes/batchtopk-{128,64,32}-k4 --acts acts --out family
matches out.txt '^Wrote the report family/index.html'
works "$sae" meta $large --width 16 --k 2 --epochs 20 --against $small --out meta
matches out.txt 'its report meta/index.html'
matches family/index.html '<h1>Widths 32, 64 and 128</h1>'
matches family/1-2/index.html '<h1>batchtopk-32-k4 and batchtopk-64-k4</h1>'
matches meta/index.html '<h1>batchtopk-128-k4</h1>'
matches comparison/index.html '<h1>batchtopk-64-k4 and batchtopk-128-k4</h1>'
matches stitching/index.html '<h1>batchtopk-64-k4 and batchtopk-128-k4</h1>'
for page in comparison/index.html stitching/index.html family/index.html family/1-2/index.html family/2-3/index.html \
    meta/index.html; do
    linked $page
    checks=$((checks + 1))
    grep -qE '<script|https?://[^w]|<img| style="| on[a-z]+="' $page && fail "$page loads or runs something"
done
matches comparison/index.html 'Latent 5 of the large SAE was active on'
for picture in comparison/{histogram,pairs,novel} family/{matrix,first,tree} family/1-2/pairs \
    meta/{baselines,decomposition,meta_latents,against}; do
    matches $picture.svg '^</svg>$'
done

# The style is what the policy names: its digest by another program.
if command -v openssl >/dev/null; then
    wanted=$(awk '/^<style>$/ { inside = 1; printf "\n"; next } /^<\/style>$/ { inside = 0 } inside' comparison/index.html |
        openssl dgst -sha256 -binary | openssl base64)
    checks=$((checks + 1))
    grep -qF "'sha256-$wanted'" comparison/index.html || fail "the page's policy does not name its style"
fi

# The same bytes each time, whatever the number of threads.
works "$sae" compare $small $large --acts acts --latent 5 --out again --threads 3
same comparison/index.html again/index.html
same comparison/pairs.svg again/pairs.svg

# ---- hostile names ---------------------------------------------------------------------------------------
evil='</svg><script>alert(1)<'
mkdir -p "saes/$evil" && cp $small/*.json $small/*.safetensors "saes/$evil/"
sed -i 's/"hook_name": *"[^"]*"/"hook_name": "<\/style><script>alert(2)<\/script>\\u202e"/' "saes/$evil/cfg.json"
mv acts 'acts" onload="alert(3)'
works "$sae" compare "saes/$evil" $large --acts 'acts" onload="alert(3)' --out hostile --quiet
works "$sae" stitch "saes/$evil" $large --acts 'acts" onload="alert(3)' --out hostile-stitch --quiet
for page in hostile/index.html hostile-stitch/index.html; do
    matches $page '&lt;/svg&gt;&lt;script&gt;alert\(1\)&lt;'
    matches $page 'acts&quot; onload=&quot;alert\(3\)'
    checks=$((checks + 1))
    grep -qE '<script|alert\(3\)"|</style>.*</style>' $page && fail "$page: a name got out of its place"
done
mv 'acts" onload="alert(3)' acts

# ---- what stops them -------------------------------------------------------------------------------------
# a directory without compare.json is not complete: what cannot be written leaves none, even where one was
rm comparison/index.html && mkdir -p comparison/index.html/full
rejects 1 'index.html' "$sae" compare $small $large --acts acts --out comparison --force
absent comparison/compare.json
equals "temporary files" "$(find comparison -name '*.tmp-*')" ""
rm -r comparison/index.html
works "$sae" compare $small $large --acts acts --latent 5 --out comparison
same comparison again
finish
