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

# ---- cross-entropy: what sae eval measures on the same tokens ---------------------------------------------------
# losses: everything under saes.N.ce that both commands print
losses() {
    for i in 0 1; do
        for key in clean spliced zero mean recovered kl tokens; do printf '%s ' "$(value saes.$i.ce.$key)"; done
    done
}
ways=("" "--keep-first --exclude-tokens 11,13")
"$sae" eval "${saes[0]}" --acts acts --model "$model" --text text.txt --text-tokens 256 --precision bf16 >out.txt 2>err.txt &&
    ways+=("--precision bf16")
for way in "${ways[@]}"; do
    works "$sae" eval "${saes[@]}" --acts acts --model "$model" --text text.txt --text-tokens 2100 $way --json
    wanted=$(losses)
    matches <(echo "$wanted") '^([0-9.]+ ){14}$'
    works "$sae" dash "${saes[@]}" --acts acts --model "$model" --ce-tokens 2100 $way --out ce.db --json --force
    equals "cross-entropy${way:+ with }$way" "$(losses)" "$wanted"
done
works "$sae" dash "${saes[@]}" --model "$model" --text text.txt --max-tokens 6k --ce-tokens 2100 --out ce.db --force
matches out.txt 'FVU +CE recovered$'
matches out.txt 'batchtopk-128-k4 .* [0-9.]+%$'
works "$sae" dash "${saes[@]}" --acts acts --model "$model" --ce-tokens 0 --out none.db --json
equals "cross-entropy that is not wanted" "$(value saes.0.ce)" null
works "$sae" dash "${saes[@]}" --acts acts --tokenizer "$model/tokenizer.json" --out none.db --json --force
equals "cross-entropy without a model" "$(value saes.0.ce)" null

# ---- output tokens from files instead of the model -------------------------------------------------------------
weights=$model/model.safetensors
works "$sae" dash "${saes[@]}" --acts acts --tokenizer "$model/tokenizer.json" --unembed "$weights" --final-norm "$weights" \
    --out files.db
for from in acts files again; do
    works "$sae" dash export $from.db --sae batchtopk-64-k4 --format saedashboard --out from-$from
done
same from-acts from-files
checks=$((checks + 1))
diff -r from-acts from-again >/dev/null && fail "effects on output tokens are not in what was compared"

# npy SHAPE BYTES: the header of a .npy file and so many zero bytes
npy() {
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($1), }"
    head -c "$2" /dev/zero
}
files=("$sae" dash "${saes[0]}" --acts acts --tokenizer "$model/tokenizer.json" --out new.db)
npy '3, 255' 3060 >narrow.npy
npy '3, 256' 3072 >zeros.npy
npy '0, 256' 0 >empty.npy
{ npy '3, 256' 3068 && printf '\x00\x00\xc0\x7f'; } >nan.npy
{ npy '256,' 1020 && printf '\x00\x00\x80\x7f'; } >infinite.npy
npy '255,' 1020 >short.npy
works "${files[@]}" --unembed zeros.npy # a latent without any effect
rm -f new.db
rejects 1 'narrow.npy is \[3, 255\].* 256 dimensions' "${files[@]}" --unembed narrow.npy
rejects 1 'empty.npy is empty' "${files[@]}" --unembed empty.npy
rejects 1 'short.npy has 1 dimension' "${files[@]}" --unembed short.npy
rejects 1 'nan.npy holds NaN at row 2 .*dimension 255' "${files[@]}" --unembed nan.npy
rejects 1 'nowhere.npy' "${files[@]}" --unembed nowhere.npy
rejects 1 'nowhere.safetensors' "${files[@]}" --unembed zeros.npy --final-norm nowhere.safetensors
rejects 1 'gain in short.npy has 255 values' "${files[@]}" --unembed zeros.npy --final-norm short.npy
rejects 1 'infinite.npy holds an infinite value' "${files[@]}" --unembed zeros.npy --final-norm infinite.npy
rejects 1 'several 2-dimensional arrays' "${files[@]}" --unembed "${saes[0]}/sae_weights.safetensors"
one='{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} '
{ printf '\x37\0\0\0\0\0\0\0%s' "$one" && head -c 8 /dev/zero; } >one.safetensors
rejects 1 'no 2-dimensional array' "${files[@]}" --unembed one.safetensors
rejects 1 'zeros.npy has 2 dimensions instead of 1' "${files[@]}" --unembed zeros.npy --final-norm zeros.npy
rejects 1 'text.txt' "${files[@]}" --unembed text.txt
rejects 2 '--final-norm needs --unembed' "${files[@]}" --final-norm "$weights"
rejects 2 '--rms-norm says how' "${files[@]}" --rms-norm
rejects 2 '--unembed is for activations without --model' "$sae" dash "${saes[0]}" --acts acts --model "$model" \
    --unembed "$weights" --out new.db
works "$sae" harvest --model "$model" --layer 4 --site z --text text.txt --max-tokens 1k --out inner
rejects 1 'do not lie in the residual stream' "$sae" dash "${saes[0]}" --acts inner --unembed "$weights" --out new.db

# ---- results of other commands --------------------------------------------------------------------------------
works "$sae" compare "${saes[@]}" --acts acts --out comparison
works "$sae" stitch "${saes[@]}" --acts acts --out stitching
works "$sae" dash "${saes[@]}" --acts acts --model "$model" --compare comparison --stitch stitching --out all.db
works "$sae" dash "${saes[@]}" --acts acts --model "$model" --compare comparison --stitch stitching --out same.db --threads 1
same all.db same.db
works "$sae" dash "${saes[0]}" --acts acts --compare comparison --out one.db
matches err.txt 'comparison is about .*, which is none of the SAEs of this database'
rejects 1 'nowhere/stitch.json' "$sae" dash "${saes[0]}" --acts acts --stitch nowhere --out new.db

# ---- exports --------------------------------------------------------------------------------------------------
works "$sae" inspect all.db --json
equals "kind of a database" "$(value kind)" dashboards
equals "its SAEs" "$(value saes) $(value saes.1.name) $(value saes.1.n)" "[2] batchtopk-128-k4 128"
works "$sae" inspect all.db
matches out.txt '^  batchtopk-64-k4 +64  latents$'
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
# what is there stays without --force; with it, nothing of the earlier export passes for the new one's
rejects 1 'page.html is already there; --force replaces it' "$sae" dash export all.db --sae batchtopk-64-k4 --out page.html
same page.html again.html
works "$sae" dash export all.db --sae batchtopk-64-k4 --latents 0-3 --out page.html --force --json
equals "latents of the new page" "$(value latents)" 4
mkdir "own[1]*" && mv np "own[1]*/np" && mv cache dashboard "own[1]*"
(cd "own[1]*" && touch np/features/batch-7.jsonl.gz np/activations/batch-7.jsonl.gz np/notes dashboard/batch-9.json)
for format in neuronpedia:np saedashboard:dashboard delphi:cache; do
    out="own[1]*/${format#*:}"
    again=("$sae" dash export all.db --sae batchtopk-64-k4 --format "${format%:*}" --acts acts --splits 1 --out "$out")
    rejects 1 'holds files already; --force replaces those of an earlier export' "${again[@]}"
    works "${again[@]}" --force
done
absent "own[1]*"/np/{features,activations}/batch-7.jsonl.gz "own[1]*/dashboard/batch-9.json"
equals "delphi's files" "$(ls "own[1]*/cache/blocks.4.hook_resid_pre")" "0_63.safetensors
config.json"
equals "what is not of an export" "$(ls "own[1]*/np/notes")" "own[1]*/np/notes"
rejects 2 '--sae is missing: the database has batchtopk-64-k4, batchtopk-128-k4' "$sae" dash export all.db --format saedashboard --out x
rejects 2 'there is no SAE "x"' "$sae" dash export all.db --sae x --out x
rejects 2 'ends before it begins' "$sae" dash export all.db --sae batchtopk-64-k4 --latents 9-3 --out x
rejects 2 '"64" for --latents|latents' "$sae" dash export all.db --sae batchtopk-64-k4 --latents 64 --out x
rejects 1 'another program|no SQLite' "$sae" dash export text.txt --out x
head -c 100000 all.db >cut.db
rejects 1 'cut short' "$sae" dash export cut.db --out x
absent x

# ---- labels of other tools ------------------------------------------------------------------------------------
mkdir explanations
echo '"words about \"kings\""' >explanations/layers.4_latent7.txt
echo 'bare text' >explanations/layers.4_latent12.txt
works "$sae" dash import all.db --sae batchtopk-64-k4 --from explanations --labels labels.db --json
equals "labels of delphi" "$(value count)" 2
echo 'of another layer' >explanations/layers.5_latent12.txt
rejects 1 'explanations of several SAEs, such as' "$sae" dash import all.db --sae batchtopk-64-k4 --from explanations --labels labels.db
printf '{"index":"7","description":"kings"}\n{"index":9,"description":"</script>"}\n' | gzip >np.jsonl.gz
works "$sae" dash import all.db --sae batchtopk-64-k4 --from np.jsonl.gz --labels labels.db --json
equals "labels of Neuronpedia" "$(value count)" 2
printf '\xef\xbb\xbflatent,label\r\n3,"a, ""b""\nc"\r\n4,plain\r\n' >labels.csv
works "$sae" dash import all.db --sae batchtopk-64-k4 --from labels.csv --labels labels.db --json
equals "labels in CSV" "$(value count)" 2
printf 'latent,label\n3,good\n64,beyond\n' >beyond.csv
rejects 1 'has latent 64, the SAE has 0 to 63' "$sae" dash import all.db --sae batchtopk-64-k4 --from beyond.csv --labels new.db
printf 'latent,label\n3,"open\n' >open.csv
rejects 1 'open.csv, line 2: not CSV' "$sae" dash import all.db --sae batchtopk-64-k4 --from open.csv --labels labels.db
printf 'a,b\n3,x\n' >columns.csv
rejects 1 'no columns latent and label' "$sae" dash import all.db --sae batchtopk-64-k4 --from columns.csv --labels labels.db
echo '[{"index":"x","description":"y"}]' >bad.json
rejects 1 'explanation 1 in bad.json' "$sae" dash import all.db --sae batchtopk-64-k4 --from bad.json --labels labels.db
rejects 1 'is not JSON after 0' "$sae" dash import all.db --sae batchtopk-64-k4 --from text.txt --labels labels.db
rejects 2 'has several SAEs' "$sae" dash import all.db --from labels.csv --labels labels.db
rm -f new.db

# ---- what is refused, and what is left ------------------------------------------------------------------------
rejects 1 'already there; --force' "$sae" dash "${saes[0]}" --acts acts --out acts.db
works "$sae" dash "${saes[0]}" --acts acts --model "$model" --out acts.db --force
rejects 2 '--out is missing' "$sae" dash "${saes[0]}" --acts acts
rejects 2 '--text is missing' "$sae" dash "${saes[0]}" --model "$model" --out new.db
rejects 2 'exclude each other' "$sae" dash "${saes[0]}" --acts acts --text text.txt --model "$model" --out new.db
rejects 1 'no token ids' "$sae" dash "${saes[0]}" --acts "$root/tests/golden/io_f4.npy" --out new.db
rejects 1 'is for activations of 256 dimensions' "$sae" dash "${saes[0]}" --acts "$root/tests/golden/io_acts" --out new.db
rejects 2 'no directory|not there|cannot' "$sae" dash "${saes[0]}" --acts acts --out none/new.db
# stopped at any moment, in threads of the language model too: one line, and nothing is left
full=("$sae" dash "${saes[@]}" --model "$model" --text text.txt --out new.db)
stopped=0
start=$EPOCHREALTIME
works "${full[@]}"
rm -f new.db
took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
for try in $(seq 10); do
    : >err.txt
    env --default-signal=INT "${full[@]}" >out.txt 2>err.txt &
    pid=$!
    for _ in $(seq 200); do
        [ -s err.txt ] && break # a line of how it computes: signals are caught by now
        sleep 0.01
    done
    sleep "$(awk -v took="$took" -v try="$try" 'BEGIN { print took * (try - 1) / 15 }')"
    kill -INT $pid 2>/dev/null
    wait $pid
    status=$?
    if [ -e new.db ]; then # it was faster
        equals "exit status of a finished run" $status 0
        rm -f new.db
        continue
    fi
    stopped=$((stopped + 1))
    equals "exit status when stopped" $status 1
    equals "what is said when stopped" "$(grep -c '^sae: stopped' err.txt) of $(grep -c '^sae: ' err.txt)" "1 of 1"
    equals "stdout when stopped" "$(cat out.txt)" ""
done
checks=$((checks + 1))
[ $stopped -ge 5 ] || fail "only $stopped of 10 runs were stopped"
checks=$((checks + 1))
ls | grep -q '\.tmp-' && fail "a temporary file is left"
absent new.db none
finish
