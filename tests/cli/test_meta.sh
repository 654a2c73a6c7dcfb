#!/usr/bin/env bash
# sae meta: numbers that fit together, files, the meta-SAE as an SAE, stopping and going on, and what is refused.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 6k --out acts
works "$sae" harvest --model "$model" --hook blocks.4.mlp.hook_post --text text.txt --max-tokens 2k --out wide
works "$sae" train --acts acts --batch 256 --held-out 0.1 --width 64,256 --k 4 --tokens 20k --out saes
works "$sae" train --acts wide --batch 256 --width 64 --k 4 --tokens 5k --out other
large=saes/batchtopk-256-k4 small=saes/batchtopk-64-k4

# greater WHAT A B: A > B.
greater() {
    checks=$((checks + 1))
    awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && b != "" && a > b) }' || fail "$1: $2 is not above $3"
}

# ---- numbers ---------------------------------------------------------------------------------------------
works "$sae" meta $large --width 32 --k 3 --epochs 40 --acts acts --against $small --out meta --json
has_keys sae out d n width k l0 theta rows tokens never_fired zero_rows steps batch epochs explained_variance \
    explained_variance_uncentred baselines.pca baselines.random_rows baselines.random_directions fits.batchtopk.l0 \
    fits.threshold.explained_variance fits.pca.explained_variance_uncentred fits.random_rows.l0 \
    fits.random_directions.l0 unused alone latents.0.id latents.0.explained latents.0.meta meta_latents.0.id \
    meta_latents.0.latents against.sae against.latents against.max_cos against.argmax against.random_max_cos
cp out.txt first.txt
matches err.txt '^Settings:.*against saes/batchtopk-64-k4; out meta; width 32; k 3;'
equals "k" "$(value k)" 3
equals "L0 of BatchTopK over all rows" "$(value l0)" 3
rows=$(value rows) silent=$(value never_fired)
equals "rows and those that never fired" "$((rows + silent))" 256
[ "$silent" -eq 0 ] || matches err.txt "^$silent of 256 latents never fired on [0-9]+ tokens and are left out"
equals "latents" "$(value latents)" "[$rows]"
equals "meta-latents" "$(value meta_latents)" "[32]"
equals "cosines with the smaller SAE" "$(value against.max_cos)" "[32]"
equals "latents of the smaller SAE" "$(value against.latents)" 64
greater "explained by the meta-SAE and by chance" "$(value explained_variance)" "$(value baselines.random_directions)"
greater "explained uncentred and centred" "$(value explained_variance_uncentred)" "$(value explained_variance)"
theta=$(value theta)

# ---- files -----------------------------------------------------------------------------------------------
same first.txt meta/meta.json
equals "lines of meta_latents.csv" "$(wc -l <meta/meta_latents.csv)" 33
equals "lines of against.csv" "$(wc -l <meta/against.csv)" 33
equals "lines of baselines.csv" "$(wc -l <meta/baselines.csv)" 6
matches meta/baselines.csv "^pca,3,0\.[0-9]+,0\.[0-9]+$"
matches meta/decomposition.csv '^[0-9]+,[-0-9.e]+,[0-9]+,[0-9.e-]+,[-0-9.e]+$'
equals "latents in decomposition.csv" "$(tail -n +2 meta/decomposition.csv | cut -d, -f1 | uniq | wc -l)" "$rows"
# the meta-SAE is an SAE: other commands take it
works "$sae" inspect meta --json
equals "latents of the meta-SAE" "$(value n)" 32
equals "its threshold" "$(value theta)" "$theta"
matches meta/cfg.json '"architecture": *"jumprelu"'
works "$sae" compare meta $small --acts acts
works "$sae" meta meta --width 4 --k 2 --epochs 2 --out of-meta --json
equals "no activations" "$(value tokens)" null
equals "no smaller SAE" "$(value against)" null
absent of-meta/against.csv

# ---- again -------------------------------------------------------------------------------------------------
rejects 1 'meta holds a meta-SAE already; --force' "$sae" meta $large --width 32 --out meta
rejects 1 'saes/batchtopk-64-k4 already holds an SAE' "$sae" meta $large --width 32 --out $small
works "$sae" meta $large --width 32 --k 3 --epochs 40 --acts acts --against $small --out second --json --threads 3
sed "s/second/meta/" out.txt >second.txt
same second.txt first.txt
same second/sae_weights.safetensors meta/sae_weights.safetensors
works "$sae" meta $large --width 40 --epochs 40 --out meta --force
matches out.txt '^  meta-SAE, BatchTopK +40 +4\.000 '
matches out.txt '^  principal components +4 '
matches out.txt "4 meta-latents for each row explain [0-9.]+% of the rows' variance"
matches out.txt '^Wrote the meta-SAE in meta, its report meta/index.html'
# stopped while it trains: nothing that looks complete, and the same command with --resume goes on to the same bits
"$sae" meta $large --width 32 --k 3 --epochs 4000 --checkpoint-every 1 --acts acts --out stopped >out.txt 2>err.txt &
running=$!
for _ in $(seq 600); do
    [ -e stopped/run.json ] && break
    sleep 0.1
done
kill -INT $running
wait $running
equals "exit status when stopped" $? 1
matches err.txt '^sae: stopped after step [0-9]+ of [0-9]+; saved in stopped: the same command with --resume goes on'
equals "nothing on stdout" "$(wc -c <out.txt)" 0
absent stopped/meta.json stopped/cfg.json
rejects 1 'stopped already holds a run; --resume' "$sae" meta $large --width 32 --k 3 --epochs 4000 --acts acts --out stopped
rejects 2 'option tokens was' "$sae" meta $large --width 32 --k 3 --epochs 40 --acts acts --out stopped --resume
rm -r stopped

# ---- bad input ---------------------------------------------------------------------------------------------
rejects 2 '\-\-width is missing' "$sae" meta $large --out none
rejects 2 '\-\-out is missing' "$sae" meta $large --width 32
rejects 2 '\-\-width is "?0"?' "$sae" meta $large --width 0 --out none
rejects 2 'k is 5: of 4 meta-latents, 1 to 4' "$sae" meta $large --width 4 --k 5 --out none
rejects 2 '300 meta-latents are more than the 256 latents' "$sae" meta $large --width 300 --out none
rejects 1 '1024 dimensions, the one that is taken apart for 256' "$sae" meta $large --width 32 --against other --out none
rejects 1 '256 dimensions, these have 1024' "$sae" meta $large --width 32 --acts wide --out none
rejects 2 'out is saes/batchtopk-256-k4, an SAE that is read here' "$sae" meta $large --width 32 --out saes/../$large --force
rejects 2 'out is saes/batchtopk-64-k4, an SAE that is read' "$sae" meta $large --width 32 --against $small --out $small --force
works "$sae" inspect $large
rejects 2 'SAE is missing; usage: sae meta' "$sae" meta --width 32 --out none
rejects 1 'nowhere' "$sae" meta nowhere --width 32 --out none
absent none
finish
