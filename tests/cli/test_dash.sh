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

# ---- what is refused, and what is left ------------------------------------------------------------------------
rejects 1 'already there; --force' "$sae" dash "${saes[0]}" --acts acts --out acts.db
works "$sae" dash "${saes[0]}" --acts acts --model "$model" --out acts.db --force
rejects 2 '--out is missing' "$sae" dash "${saes[0]}" --acts acts
rejects 2 '--text is missing' "$sae" dash "${saes[0]}" --model "$model" --out new.db
rejects 2 'exclude each other' "$sae" dash "${saes[0]}" --acts acts --text text.txt --model "$model" --out new.db
rejects 1 'no token ids' "$sae" dash "${saes[0]}" --acts "$root/tests/golden/io_f4.npy" --out new.db
rejects 1 'is for activations of 256 dimensions' "$sae" dash "${saes[0]}" --acts "$root/tests/golden/io_acts" --out new.db
rejects 2 'no directory|not there|cannot' "$sae" dash "${saes[0]}" --acts acts --out none/new.db
absent new.db new.db.tmp-* none
finish
