#!/usr/bin/env bash
# sae compare: keys and numbers that fit together, files, and what is refused.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 6k --out acts
works "$sae" harvest --model "$model" --hook blocks.4.mlp.hook_post --text text.txt --max-tokens 2k --out wide
works "$sae" train --acts acts --batch 256 --held-out 0.1 --width 64,128 --k 4 --tokens 40k --out saes
small=saes/batchtopk-64-k4 large=saes/batchtopk-128-k4

# ---- two SAEs --------------------------------------------------------------------------------------------
works "$sae" compare $small $large --acts acts --latent 5 --out comparison --json
has_keys small large tokens threshold novel small_below max_cos.large_in_small max_cos.small_in_large max_cos.argmax \
    max_cos.argmax_small hist.edges hist.large_in_small hist.small_in_large hist.random hist.random_cov \
    one_to_one.pairs one_to_one.above one_to_one.share one_to_one.mean_cos one_to_one.partner one_to_one.partner_small \
    one_to_one.cos one_to_one.act_cos one_to_one.pearson pairs.act_cos pairs.pearson r2 r2_pairs mse.large l0.small \
    latents.n_active latents.large.inactive latents.large.active latents.small.inactive latents.small.active latent.id \
    latent.large.inactive latent.large.active latent.large.difference latent.small.difference novel_mean.n \
    novel_mean.left_out novel_mean.never_fired novel_mean.large.inactive novel_mean.large.ci novel_mean.small.ci
equals "n_B maxima" "$(value max_cos.large_in_small)" "[128]"
equals "n_A maxima" "$(value max_cos.small_in_large)" "[64]"
equals "edges" "$(value hist.edges)" "[101]"
equals "first edge" "$(value hist.edges.0)" -1
equals "last edge" "$(value hist.edges.100)" 1
equals "latent" "$(value latent.id)" 5
equals "one-to-one pairs" "$(value one_to_one.pairs)" 64
equals "partners" "$(value one_to_one.partner)" "[128]"
equals "partners of the small SAE" "$(value one_to_one.partner_small)" "[64]"
partner=$(value one_to_one.partner_small.3)
equals "a partner's partner" "$(value "one_to_one.partner.$partner")" 3
cp out.txt first.txt
works "$sae" compare $small $large --acts acts --latent 5 --json --threads 3
same out.txt first.txt

# ---- files -----------------------------------------------------------------------------------------------
same first.txt comparison/compare.json
equals "lines of pairs.csv" "$(wc -l <comparison/pairs.csv)" 129
equals "lines of histogram.csv" "$(wc -l <comparison/histogram.csv)" 101
equals "lines of novel.csv" "$(wc -l <comparison/novel.csv)" 8
equals "lines of latent.csv" "$(wc -l <comparison/latent.csv)" 3
works "$sae" compare $small $large --acts acts --out deep/er/comparison
same comparison/pairs.csv deep/er/comparison/pairs.csv
absent deep/er/comparison/latent.csv
touch file
rejects 1 'a file is in the way' "$sae" compare $small $large --acts acts --out file
rejects 1 'cannot make directory file/x' "$sae" compare $small $large --acts acts --out file/x/y
rejects 1 'comparison .*--force' "$sae" compare $small $large --acts acts --out comparison
works "$sae" compare $small $large --acts acts --out comparison --force
matches out.txt 'novel: maximum cosine below 0\.7'
matches out.txt '^Wrote the report .*index.html'
absent comparison/latent.csv
# while files are replaced, the directory does not pass for complete
rm comparison/pairs.csv
mkdir comparison/pairs.csv
rejects 1 'pairs.csv' "$sae" compare $small $large --acts acts --out comparison --force
absent comparison/compare.json

# ---- a family --------------------------------------------------------------------------------------------
works "$sae" train --acts acts --batch 256 --arch topk --width 96 --k 4 --tokens 20k --out middle
works "$sae" compare $large $small middle --acts acts --latent 100 --out family --json
has_keys saes.0.path saes.0.n saes.0.l0 saes.0.mse saes.0.never_fired saes.2.first tokens threshold novel.2.1 \
    novel_share.0.2 neighbours.0.small neighbours.1.one_to_one.partner neighbours.1.novel_mean.excess \
    neighbours.1.latent.id tree.first tree.nearest.1 tree.cos.0
equals "SAEs by width" "$(value saes.0.path) $(value saes.1.path) $(value saes.2.path)" "$small middle $large"
equals "neighbours" "$(value neighbours)" "[2]"
equals "the tree" "$(value tree.nearest) $(value tree.nearest.0) $(value tree.first)" "[2] [128] [128]"
equals "the table of a latent" "$(value neighbours.0.latent) $(value neighbours.1.latent.id)" "null 100"
equals "all latents are somewhere first" "$(($(value saes.0.first) + $(value saes.1.first) + $(value saes.2.first)))" 128
same out.txt family/family.json
novel=$(value novel.2.1) novel_mse=$(value neighbours.1.novel_mean.small.active)
works "$sae" compare middle $large --acts acts --latent 100 --out pair --json
equals "novel latents of neighbours" "$(value novel)" "$novel"
equals "their error" "$(value novel_mean.small.active)" "$novel_mse"
for table in histogram pairs novel latent; do same family/2-3/$table.csv pair/$table.csv; done
equals "lines of family.csv" "$(wc -l <family/family.csv)" 4
equals "lines of matrix.csv" "$(wc -l <family/matrix.csv)" 10
equals "lines of tree.csv" "$(wc -l <family/tree.csv)" 129
rejects 1 'family holds a comparison already; --force' "$sae" compare $small middle $large --acts acts --out family
rejects 1 'family holds a comparison already; --force' "$sae" compare $small middle --acts acts --out family
works "$sae" compare $small middle $large --acts acts --out family --force --threads 3
matches out.txt '^  of the 128 of 3 +[0-9.]+% +[0-9.]+% +-$'
matches out.txt '^Wrote family.json'
absent family/2-3/latent.csv
works "$sae" compare $small middle --acts acts --out family --force --quiet
absent family/family.json

# ---- one sparsity ----------------------------------------------------------------------------------------
works "$sae" compare $small middle --acts acts --sparsity-match 3 --json
equals "L0 on 5,842 tokens" "$(value l0.small) $(value l0.large)" "$(awk 'BEGIN { l0 = 17526 / 5842; print l0, l0 }')"
equals "what was done" "$(value sparsity_match) $(value sparsity_match.0.path) $(value sparsity_match.1.l0)" "[2] $small 3"
works "$sae" compare $small middle --acts acts --sparsity-match large --json
equals "left as it is" "$(value sparsity_match.1.shift)" null
equals "L0 of the large one" "$(value l0.small) $(value l0.large)" "$(value sparsity_match.1.l0) $(value sparsity_match.1.l0_before)"
works "$sae" compare middle $large $small --acts acts --sparsity-match small --json
equals "the narrowest is left as it is" "$(value sparsity_match.2.shift)" null
for i in 0 1; do equals "L0 of SAE $i" "$(value saes.$i.l0)" "$(value sparsity_match.2.l0)"; done
works "$sae" compare $small middle --acts acts --sparsity-match 3
matches out.txt '^  middle +4.0000 +3.0000 +raised by [0-9.]+$'
works "$sae" compare $small middle --acts acts --json
equals "nothing asked for" "$(value sparsity_match)" null
rejects 1 'cannot be brought to L0 1000: with all thresholds at 0 it has [0-9.]+ on these tokens' \
    "$sae" compare $small $large --acts acts --sparsity-match 1000 --out none
rejects 2 'sparsity-match is "smal"; it takes an L0' "$sae" compare $small $large --acts acts --sparsity-match smal
rejects 2 'sparsity-match is "-1"; it takes an L0' "$sae" compare $small $large --acts acts --sparsity-match=-1
absent none

# ---- bad input -------------------------------------------------------------------------------------------
rejects 2 'latent.*128' "$sae" compare $small $large --acts acts --latent 128
works "$sae" compare $small $small --acts acts --json
equals "an SAE has nothing new for itself" "$(value novel)" 0
equals "every latent is its own partner" "$(value one_to_one.partner.17)" 17
rejects 1 'wide|1024' "$sae" compare $small $large --acts wide
rejects 2 '\-\-acts is missing' "$sae" compare $small $large
rejects 2 'saes/batchtopk-64-k4/. is given twice, as SAE 1 and 3 of 3' "$sae" compare $small $large $small/. --acts acts
rejects 2 'latent 128 does not exist: .*128-k4 has latents 0 to 127' "$sae" compare $small middle $large --acts acts \
    --latent 128
finish
