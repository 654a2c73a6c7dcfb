#!/usr/bin/env bash
# sae stitch: numbers that fit together, files, stitched SAEs, and what is refused.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 6k --out acts
works "$sae" harvest --model "$model" --hook blocks.4.mlp.hook_post --text text.txt --max-tokens 2k --out wide
works "$sae" train --acts acts --batch 256 --held-out 0.1 --width 64,128 --k 4 --tokens 40k --out saes
works "$sae" train --acts acts --batch 256 --arch topk --width 64 --k 4 --tokens 20k --out topk
works "$sae" train --acts acts --batch 256 --width 64 --k 4 --tokens 20k --input-scale token --out token
works "$sae" train --acts wide --batch 256 --width 64 --k 4 --tokens 10k --out narrow
small=saes/batchtopk-64-k4 large=saes/batchtopk-128-k4

# near A B: two numbers that agree to 1e-4.
near() {
    checks=$((checks + 1))
    awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && (a - b) ^ 2 <= (1e-4 * b) ^ 2) }' || fail "$1: $2 is not $3"
}

# ---- numbers ---------------------------------------------------------------------------------------------
works "$sae" stitch $small $large --acts acts --save at=0,0.5,1 --out stitching --json
has_keys saes.small saes.large tokens pairs threshold threshold_auto theta_small theta_large max_cos nearest n_active \
    delta_mse delta_mse_se improving worsening auc accuracy best_threshold sensitivity specificity roc.threshold \
    roc.sensitivity roc.specificity base.mse base.fvu base.l0 large.mse large.fvu large.l0 insertions swaps removals \
    components order path.0.phase path.0.operations path.0.inserted path.0.removed path.0.mse path.0.fvu path.0.l0 \
    path.0.ce path_random.0.mse orders.cosine.highest_mse orders.greedy.rises orders.random.highest_mse \
    other_paths.delta other_paths.greedy end_error saved.2.path saved.1.at saved.1.mse
cp out.txt first.txt
equals "n_B maxima" "$(value max_cos)" "[128]"
equals "n_B effects" "$(value delta_mse)" "[128]"
operations=$(($(value insertions) + $(value swaps) + $(value removals)))
equals "entries of the path" "$(value path)" "[$((operations + 1))]"
equals "components" "$(value components)" "[$(($(value swaps) + $(value removals)))]"
near "the path's start" "$(value path.0.mse)" "$(value base.mse)"
near "the path's end" "$(value path.$operations.mse)" "$(value large.mse)"
equals "latents of LARGE at the end" "$(value path.$operations.inserted)" 128
equals "latents of SMALL gone at the end" "$(value path.$operations.removed)" 64
checks=$((checks + 1))
awk -v e="$(value end_error)" 'BEGIN { exit !(e <= 1e-6) }' || fail "the end is $(value end_error) off"
base=$(value base.mse) end=$(value large.mse) half=$(value saved.1.mse) half_l0=$(value saved.1.l0)

# ---- files -----------------------------------------------------------------------------------------------
same first.txt stitching/stitch.json
equals "lines of latents.csv" "$(wc -l <stitching/latents.csv)" 129
equals "lines of path.csv" "$(wc -l <stitching/path.csv)" $((4 * (operations + 1) + 1))
for picture in delta roc path components; do matches stitching/$picture.svg '^</svg>$'; done
# the stitched SAEs are SAEs: sae eval finds the errors that the path says
works "$sae" eval stitching/at-0 stitching/at-0.5 stitching/at-1 $large --acts acts --json
near "MSE at the start" "$(value saes.0.mse)" "$base"
near "MSE half way" "$(value saes.1.mse)" "$half"
near "L0 half way" "$(value saes.1.l0)" "$half_l0"
near "MSE at the end" "$(value saes.2.mse)" "$end"
near "MSE of the large SAE" "$(value saes.3.mse)" "$end"
matches stitching/at-0.5/cfg.json '"apply_b_dec_to_input": *false'
matches stitching/at-0.5/cfg.json '"architecture": *"jumprelu"'
rejects 1 'stitching holds a stitching already; --force' "$sae" stitch $small $large --acts acts --out stitching
works "$sae" stitch $small $large --acts acts --out stitching --force --threads 3 --order greedy --threshold auto
matches out.txt 'latents that improve it +[0-9]+'
matches out.txt 'In greedy order the way '
matches out.txt '^Wrote the report stitching/index.html'
works "$sae" stitch $small $large --acts acts --save at=0,0.5,1 --out again --json --threads 1
sed 's/again/stitching/g' out.txt >again.txt
same again.txt first.txt
works "$sae" stitch $small $large --acts acts --every 10 --max-tokens 1k --json
equals "tokens" "$(value tokens)" 1000
equals "operations of the second entry" "$(value path.1.operations)" 10

# ---- cross-entropy ---------------------------------------------------------------------------------------
works "$sae" eval $small $large --acts acts --model "$model" --text text.txt --text-tokens 1k --json
clean=$(value saes.0.ce.clean) of_small=$(value saes.0.ce.spliced) of_large=$(value saes.1.ce.spliced)
works "$sae" stitch $small $large --acts acts --every 5 --model "$model" --text text.txt --text-tokens 1k --ce-points 4 \
    --out losses --json
has_keys ce.clean ce.zero ce.small ce.large ce.tokens ce.points
near "cross-entropy of the clean run" "$(value ce.clean)" "$clean"
near "cross-entropy with the small SAE" "$(value ce.small)" "$of_small"
near "cross-entropy with the large SAE" "$(value ce.large)" "$of_large"
near "cross-entropy at the path's start" "$(value path.0.ce)" "$of_small"
near "cross-entropy at the random path's start" "$(value path_random.0.ce)" "$of_small"
equals "states measured" "$(value ce.points)" 4
equals "not measured" "$(value path.1.ce)" null
equals "lines with a cross-entropy" "$(cut -d, -f9 losses/path.csv | grep -c '^[0-9]')" 8
works "$sae" stitch $small $large --acts acts --model "$model" --text text.txt --text-tokens 1k --ce-points 3
matches out.txt '^Cross-entropy along the way, in cosine order and at random'
equals "states in the table" "$(grep -A 3 'CE  random: MSE' out.txt | grep -c '^  [0-9]')" 3
matches out.txt 'costs the language model [0-9.]+ nats each'
rejects 2 '\-\-model and --text go together' "$sae" stitch $small $large --acts acts --model "$model" --out none
works "$sae" stitch $small $large --acts acts --model "$model" --text text.txt --text-tokens 1k --every 9 --ce-points all --json
equals "all states measured" "[$(value ce.points)]" "$(value path)"
equals "the second too" "$(value path_random.1.ce | grep -c '^[0-9]')" 1
rejects 2 'ce-points is "?1"?' "$sae" stitch $small $large --acts acts --ce-points 1 --out none
rejects 1 'nowhere' "$sae" stitch $small $large --acts acts --model nowhere --text text.txt --out none

# ---- kinds and bad input ---------------------------------------------------------------------------------
works "$sae" stitch topk $large --acts acts --json
near "L0 of TopK through its threshold" "$(value base.l0)" 4
equals "no threshold was sought for the other" "$(value theta_large)" null
works "$sae" stitch $small $small --acts acts --threshold 0.95 --json
near "an SAE's way to itself" "$(value orders.random.highest_mse)" "$(value base.mse)"
equals "nothing to insert" "$(value insertions)" 0
rejects 1 'large SAE standardises each token' "$sae" stitch $small token --acts acts
rejects 1 '256 and 1024 dimensions' "$sae" stitch $small narrow --acts acts
rejects 1 '1024|wide' "$sae" stitch $small $large --acts wide
rejects 1 'more than the 5 allowed' "$sae" stitch $small $large --acts acts --max-pairs 5 --out none
rejects 2 'save is "0.5"; it takes at=F' "$sae" stitch $small $large --acts acts --save 0.5 --out none
rejects 2 'save.*1\.5|1\.5.*from 0 to 1' "$sae" stitch $small $large --acts acts --save at=1.5 --out none
rejects 2 '\-\-save needs --out' "$sae" stitch $small $large --acts acts --save at=0.5
rejects 2 '\-\-order is "random"; it must be one of: cosine delta greedy' "$sae" stitch $small $large --acts acts \
    --order random
rejects 2 '\-\-acts is missing' "$sae" stitch $small $large
rejects 2 'LARGE is missing; usage: sae stitch' "$sae" stitch $small
absent none
sed -i 's/"model": *"model"/"model": "gpt2"/' acts/acts.json
works "$sae" stitch $small $large --acts acts --quiet
matches err.txt '^sae: warning: .*gpt2'
finish
