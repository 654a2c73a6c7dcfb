#!/usr/bin/env bash
# make experiments in small: the page has every claim, a second run makes nothing again, a stopped run goes on.
source "$(dirname "$0")/lib.sh" "$1"
command -v python3 >/dev/null || { echo "python3 is not installed: nothing was checked"; exit 1; }
make_text
run() {
    (cd "$root" && python3 experiments/run.py --sae "$sae" --out "$tmp/out" --page "$tmp/results.md" --setting demo \
        --model demo/model --text "$tmp/text.txt" --held-out-text "$tmp/text.txt" --widths 32,64,128 --ks 4 --tokens 40000 \
        --held-out-tokens 3000 --yes "$@")
}

works run --estimate
matches out.txt 'activations of the language model'
matches out.txt 'disk +[0-9.]+ GB'
absent results.md out/steps/train.json

works run
while read -r claim; do
    matches results.md "^## ${claim//[()]/.}"
done < <(sed -nE 's/^ *return Claim\("([^"]*)",.*/\1/p' "$root/experiments/claims.py")
equals "claims" "$(grep -c '^## ' results.md)" "$(grep -c 'return Claim(' "$root/experiments/claims.py")"
matches results.md '^\| 32 → 64, k = 4 \| '
matches results.md '^\| 64 → 128, k = 4 \| '
while read -r picture; do
    matches "$picture" '^<svg'
done < <(sed -nE 's/^!\[.*\]\((.*)\)$/\1/p' results.md)
equals "pictures" "$(find results -name '*.svg' | wc -l)" 5
checks=$((checks + 1))
! grep -Eq '\b(nan|None|inf)\b' results.md || fail "a number that is not known: $(grep -E '\b(nan|None|inf)\b' results.md | head -n 1)"

# what is there is not made again, and what is missing alone is
cp results.md first.md
works run
same results.md first.md
equals "steps run again" "$(grep -c '^== ' out.txt)" 0
rm out/steps/stitch-32-64-k4.json
works run
same results.md first.md
equals "steps run again" "$(grep -c '^== ' out.txt)" 1

# a training run that was stopped goes on from its checkpoint
rm -r out/steps/asked.json out/asked
(cd "$root" && timeout -s INT 1.5 "$sae" train --acts "$tmp/out/acts" --arch batchtopk --batch 2048 --arch batchtopk,jumprelu,relu \
    --width 512 --l0 8,32 --tokens 40000 --out "$tmp/out/asked" --quiet >"$tmp/out.txt" 2>"$tmp/err.txt")
works run
same results.md first.md

# with other options only what they change is made again, with all that follows
works run --tokens 50000
matches out.txt '^== train: '
matches out.txt '^== meta-k4: '
equals "harvests run again" "$(grep -c '^== harvest' out.txt)" 0
matches results.md 'trained on 50,000 tokens'
works run
same results.md first.md

run --widths 64,32 >out.txt 2>err.txt
equals "exit status" $? 2
matches err.txt 'ascending'
run --model nosuch --estimate >out.txt 2>err.txt
equals "exit status" $? 1
matches err.txt 'nosuch'
finish
