#!/usr/bin/env bash
# sae dash: a database from a text and from activations, and what is refused.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 6k --out acts
works "$sae" train --acts acts --batch 256 --width 64,128 --k 4 --tokens 40k --out saes
saes=(saes/batchtopk-64-k4 saes/batchtopk-128-k4)

# ---- the same from a text and from its activations ------------------------------------------------------------
works "$sae" dash "${saes[@]}" --model "$model" --text text.txt --max-tokens 6k --out text.db --json
has_keys out build tokens excluded documents saes.0.name saes.1.path saes.1.n saes.1.dead saes.1.l0 saes.1.fvu
equals "name" "$(value saes.1.name)" batchtopk-128-k4
tokens=$(value tokens) l0=$(value saes.0.l0)
works "$sae" dash "${saes[@]}" --acts acts --model "$model" --out acts.db --threads 1 --json
equals "tokens" "$(value tokens)" "$tokens"
equals "L0" "$(value saes.0.l0)" "$l0"
works "$sae" eval "${saes[0]}" --acts acts --json
equals "L0 of sae eval" "$(value saes.0.l0)" "$l0"
works "$sae" dash "${saes[@]}" --acts acts --tokenizer "$model/tokenizer.json" --out again.db
matches out.txt 'batchtopk-128-k4 +128'

# ---- results of other commands --------------------------------------------------------------------------------
works "$sae" compare "${saes[@]}" --acts acts --out comparison
works "$sae" stitch "${saes[@]}" --acts acts --out stitching
works "$sae" dash "${saes[@]}" --acts acts --model "$model" --compare comparison --stitch stitching --out all.db
works "$sae" dash "${saes[@]}" --acts acts --model "$model" --compare comparison --stitch stitching --out same.db --threads 1
same all.db same.db
rejects 1 'nowhere/stitch.json' "$sae" dash "${saes[0]}" --acts acts --stitch nowhere --out new.db

# ---- exports --------------------------------------------------------------------------------------------------
works "$sae" dash export all.db --sae batchtopk-128-k4 --latents 0-9,77 --out page.html --json
equals "latents" "$(value latents)" 11
matches page.html "default-src 'none'"
works "$sae" dash export all.db --sae batchtopk-128-k4 --latents 0-9,77 --out again.html
same page.html again.html
works "$sae" dash export all.db --sae batchtopk-64-k4 --format saedashboard --out dashboard
works "$sae" dash export all.db --sae batchtopk-64-k4 --format neuronpedia --model-id gpt2-small --source-id 4-res-x --out np
matches np/load.sql 'features/batch-0.jsonl.gz'
works "$sae" dash export all.db --sae batchtopk-64-k4 --format delphi --acts acts --splits 2 --out cache
works "$sae" inspect cache/blocks.4.hook_resid_pre/0_31.safetensors --json
works "$sae" encode "${saes[0]}" --acts acts --out codes.safetensors --json
entries=$(value entries)
both=0
for split in 0_31 32_63; do
    works "$sae" inspect cache/blocks.4.hook_resid_pre/$split.safetensors --json
    both=$((both + $(value tensors.1.shape.0)))
done
equals "firings in delphi's cache" "$both" "$entries"
rejects 2 '--sae is missing: the database has batchtopk-64-k4, batchtopk-128-k4' "$sae" dash export all.db --format saedashboard --out x
rejects 2 'there is no SAE "x"' "$sae" dash export all.db --sae x --out x
rejects 2 'ends before it begins' "$sae" dash export all.db --sae batchtopk-64-k4 --latents 9-3 --out x
rejects 2 '"64" for --latents|latents' "$sae" dash export all.db --sae batchtopk-64-k4 --latents 64 --out x
rejects 1 'another program|no SQLite' "$sae" dash export text.txt --out x
head -c 100000 all.db >cut.db
rejects 1 'cut short' "$sae" dash export cut.db --out x
absent x

# ---- what is refused, and what is left ------------------------------------------------------------------------
rejects 1 'already there; --force' "$sae" dash "${saes[0]}" --acts acts --out acts.db
works "$sae" dash "${saes[0]}" --acts acts --model "$model" --out acts.db --force
rejects 2 '--out is missing' "$sae" dash "${saes[0]}" --acts acts
rejects 2 '--text is missing' "$sae" dash "${saes[0]}" --model "$model" --out new.db
rejects 2 'exclude each other' "$sae" dash "${saes[0]}" --acts acts --text text.txt --model "$model" --out new.db
rejects 1 'no token ids' "$sae" dash "${saes[0]}" --acts "$root/tests/golden/io_f4.npy" --out new.db
rejects 1 'is for activations of 256 dimensions' "$sae" dash "${saes[0]}" --acts "$root/tests/golden/io_acts" --out new.db
rejects 2 'no directory|not there|cannot' "$sae" dash "${saes[0]}" --acts acts --out none/new.db
checks=$((checks + 1))
ls | grep -q '\.tmp-' && fail "a temporary file is left"
absent new.db none
finish
