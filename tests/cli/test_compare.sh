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
mkdir closed
chmod 555 closed
if [ ! -w closed ]; then # not for root, who may write everywhere
    rejects 1 'cannot write to closed/new: closed: Permission denied' "$sae" compare $small $large --acts acts --out closed/new
    rejects 1 'cannot write to closed: closed' "$sae" stitch $small $large --acts acts --out closed
fi
rejects 1 'comparison .*--force' "$sae" compare $small $large --acts acts --out comparison
works "$sae" compare $small $large --acts acts --out comparison --force
matches out.txt 'novel: maximum cosine below 0\.7'
matches out.txt '^Wrote the report .*index.html'
absent comparison/latent.csv
# while files are replaced, the directory does not pass for complete
rm comparison/pairs.csv
mkdir -p comparison/pairs.csv/full
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
matches out.txt '^Wrote the report .*family.json'
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

# ---- any two SAEs ----------------------------------------------------------------------------------------
# inputs scaled in different ways, files of another tool
works "$sae" train --acts acts --batch 256 --width 64 --k 4 --tokens 20k --input-scale rms --out scaled
works "$sae" compare $small scaled --acts acts --json
has_keys novel novel_mean.n one_to_one.share
works "$sae" convert $small other-tool --to dictionary_learning
works "$sae" compare $small other-tool --acts acts --json
equals "nothing is novel in another tool's files" "$(value novel) $(value one_to_one.above)" "0 64"
awk -v a="$(value mse.small)" -v b="$(value mse.large)" 'BEGIN { exit !((a - b) ^ 2 < 1e-10 * a * a) }' ||
    fail "errors of one SAE in two formats: $(value mse.small) and $(value mse.large)"
# an SAE beside itself
works "$sae" compare $small $small --acts acts --json
equals "an SAE has nothing new for itself" "$(value novel) $(value novel_mean.n) $(value novel_mean.excess)" "0 0 null"
equals "every latent is its own partner" "$(value one_to_one.partner.17)" 17
equals "equal errors" "$(value latents.large.active.9)" "$(value latents.small.active.9)"

# ---- all or nothing --------------------------------------------------------------------------------------
works "$sae" compare $small $large --acts acts --threshold -1
matches out.txt '^No latent of the large SAE is novel'
works "$sae" compare $small $large --acts acts --threshold 1 --json
equals "all are novel" "$(value novel) $(value small_below)" "128 64"
equals "in the mean or left out" "$(($(value novel_mean.n) + $(value novel_mean.left_out)))" 128
# on few tokens most latents never fire, and nothing has ten active tokens
works "$sae" compare $small $large --acts acts --max-tokens 8 --out few --json
equals "nothing to average" "$(value novel_mean.n) $(value novel_mean.large.active) $(value novel_mean.excess_ci.0)" "0 null null"
equals "nothing to correlate" "$(value r2) $(value r2_pairs) $(value pairs.act_cos.3)" "null 0 null"
matches few/novel.csv '^large,inactive,,,,,,$'
works "$sae" compare $small $large --acts acts --max-tokens 8
matches out.txt '^Novel latents: of none there is a mean error'

# ---- bad input -------------------------------------------------------------------------------------------
rejects 2 'latent.*128' "$sae" compare $small $large --acts acts --latent 128 --out none
rejects 1 'wide|1024' "$sae" compare $small $large --acts wide --out none
rejects 2 '\-\-acts is missing' "$sae" compare $small $large --out none
works "$sae" train --acts wide --batch 256 --width 64 --k 4 --tokens 10k --out narrow
rejects 1 'batchtopk-64-k4 and narrow are for activations of 256 and 1024 dimensions' "$sae" compare $small narrow --acts acts
rejects 1 'narrow are for activations of 256 and 1024 dimensions' "$sae" compare $small middle narrow --acts acts --out none
works "$sae" train --acts acts --batch 256 --width 64 --k 4 --tokens 20k --input-scale token --out token
rejects 2 'token standardises each token and .*64-k4 does not: their latents live in different spaces' \
    "$sae" compare $small token --acts acts --out none
rejects 2 'token standardises each token' "$sae" compare $small token $large --acts acts --out none
works "$sae" compare token token --acts acts --json
equals "two that standardise tokens" "$(value novel)" 0
rejects 2 'saes/batchtopk-64-k4/. is given twice, as SAE 1 and 3 of 3' "$sae" compare $small $large $small/. --acts acts
rejects 2 'latent 128 does not exist: .*128-k4 has latents 0 to 127' "$sae" compare $small middle $large --acts acts \
    --latent 128
works "$sae" harvest --model "$model" --layer 4 --text text.txt --ctx 2 --max-tokens 2 --out two
rejects 2 'usable' "$sae" compare $small $large --acts two --exclude-tokens "$(seq -s, 0 8191)" --out none
absent none
# of other activations: both names
cp -r $large renamed
sed -i 's/blocks.4.hook_resid_pre/blocks.2.hook_resid_pre/g' renamed/cfg.json
works "$sae" compare $small renamed --acts acts --quiet
matches err.txt '^sae: warning: renamed: .*blocks.2.hook_resid_pre.*blocks.4.hook_resid_pre'
# the same where the activations do not say what they are of
mv acts unknown
sed -i -E 's/"(model|hook_name)": *"[^"]*"/"\1": ""/g' unknown/acts.json
works "$sae" compare $small renamed --acts unknown --quiet
matches err.txt '^sae: warning: the SAEs are of different activations: .*64-k4 of .* at blocks.4.hook_resid_pre, renamed of .* at blocks.2'
works "$sae" compare $small $large --acts unknown --quiet
equals "nothing to warn of" "$(cat err.txt)" ""
finish
