#!/usr/bin/env bash
# Every recipe of recipes/ is read and trains ten steps, on few activations and with few latents.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 1k --out acts
recipes=0
for recipe in "$root"/recipes/*.json; do
    name=$(basename "$recipe" .json)
    recipes=$((recipes + 1))
    small=(--width 64 --batch 64 --tokens 640 --held-out 0.1)
    grep -q '^    "k": ' "$recipe" && small+=(--k 8)
    grep -q '^    "l0": ' "$recipe" && small+=(--l0 8)
    works "$sae" train --recipe "$recipe" --acts acts --out "$name" "${small[@]}" --json || continue
    equals "steps of $name" "$(value steps)" 10
    equals "kind of $name" "$(value saes.0.arch)" "$(sed -n 's/^    "arch": "\(.*\)",$/\1/p' "$recipe" | head -n 1)"
    # what the recipe sets is what the run was asked for
    for option in lr beta1 beta2 k-aux seed dead-tokens; do
        set=$("$build/tests/json_value" "options.$option" <"$recipe" 2>/dev/null) || continue
        checks=$((checks + 1))
        awk -v a="$set" -v b="$(value "options.$option" "$name/run.json")" 'BEGIN { exit !(a + 0 == b + 0) }' ||
            fail "$name: --$option is not $set but $(value "options.$option" "$name/run.json")"
    done
done
equals "recipes found" "$((recipes >= 15))" 1
finish
