#!/usr/bin/env bash
# What is done with trained SAEs: eval, encode, decode, latents, inspect.
source "$(dirname "$0")/lib.sh" "$1"
make_text
works "$sae" harvest --model "$model" --layer 4 --text text.txt --max-tokens 6k --out acts
works "$sae" harvest --model "$model" --layer 2 --text text.txt --max-tokens 2k --out layer2
works "$sae" harvest --model "$model" --hook blocks.4.mlp.hook_post --text text.txt --max-tokens 2k --out wide
works "$sae" train --acts acts --batch 256 --held-out 0.1 --width 64,128 --k 4 --tokens 40k --out saes
small=saes/batchtopk-64-k4 large=saes/batchtopk-128-k4

# ---- eval ------------------------------------------------------------------------------------------------
works "$sae" eval $small $large --acts acts --model "$model" --text text.txt --text-tokens 2k --json
keys="path arch d n k l0 mse mse_per_dim fvu explained_variance cosine l2_ratio rel_bias dead theta density.edges
    density.counts ce.clean ce.spliced ce.zero ce.mean ce.recovered ce.recovered_mean ce.kl ce.tokens"
# shellcheck disable=SC2046
has_keys tokens excluded $(for key in $keys; do echo saes.0.$key saes.1.$key; done)
equals "rows" "$(value tokens)" 5842 # 46 contexts of 127 usable rows
equals "excluded" "$(value excluded)" 46
equals "edges" "$(value saes.0.density.edges)" "[41]"
equals "counts" "$(value saes.0.density.counts)" "[40]"
checks=$((checks + 2))
awk -v l0="$(value saes.0.l0)" -v fvu="$(value saes.0.fvu)" -v ev="$(value saes.0.explained_variance)" \
    'BEGIN { exit !(l0 > 2 && l0 < 6 && fvu > 0 && fvu < 1 && fvu + ev > 0.999999 && fvu + ev < 1.000001) }' ||
    fail "implausible L0 $(value saes.0.l0) or FVU $(value saes.0.fvu)"
awk -v clean="$(value saes.0.ce.clean)" -v spliced="$(value saes.0.ce.spliced)" -v zero="$(value saes.0.ce.zero)" \
    'BEGIN { exit !(clean < spliced && spliced < zero) }' || fail "cross-entropies are not clean < spliced < zero"
works "$sae" eval $small --acts acts
matches out.txt '^ +FVU +share of'
matches out.txt 'How often latents fire'
rejects 2 '\-\-model and --text go together' "$sae" eval $small --acts acts --model "$model"
rejects 2 '\-\-model and --text go together' "$sae" eval $small --acts acts --text text.txt
rejects 2 'SAE.* is missing' "$sae" eval --acts acts
rejects 2 '\-\-acts is missing' "$sae" eval $small
rejects 1 'cannot open nosuch|nosuch' "$sae" eval nosuch --acts acts
rejects 1 'width 256.*wide.*width 1024' "$sae" eval $small --acts wide
# activations of another hook: a warning that names both
works "$sae" eval $small --acts layer2 --quiet
matches err.txt '^sae: warning: .*blocks\.(2|4)\.hook_resid_pre.*blocks\.(2|4)\.hook_resid_pre'
cp -r layer2 other && sed -i 's/"model": *"model"/"model": "gpt2"/' other/acts.json
works "$sae" eval $small --acts other --quiet
matches err.txt '^sae: warning: .*gpt2'

# ---- encode, decode --------------------------------------------------------------------------------------
works "$sae" encode $small --acts acts --out codes.safetensors --json
has_keys out sae tokens excluded n entries l0 seconds
equals "encoded rows" "$(value tokens)" 5842
l0=$(value l0)
works "$sae" inspect codes.safetensors --json
equals kind "$(value kind)" codes
equals "l0 of the file" "$(value l0)" "$l0"
equals "width" "$(value n)" 64
works "$sae" decode $small --codes codes.safetensors --out decoded --json
has_keys out sae tokens d dtype shards seconds
works "$sae" inspect decoded --json
equals "decoded rows" "$(value tokens)" 5842
equals "decoded hook" "$(value hook_name)" blocks.4.hook_resid_pre
# codes are the same bytes whatever they are screened with; what is missing is refused by name
works "$sae" encode $small --acts acts --out fp32.safetensors --screen fp32
matches err.txt '^screen: fp32$'
same fp32.safetensors codes.safetensors
for screen in bf16 int8; do
    if "$sae" encode $small --acts acts --out $screen.safetensors --screen $screen 2>err.txt >out.txt; then
        matches err.txt "^screen: $screen, oneDNN [0-9.]+ brg"
        same $screen.safetensors codes.safetensors
    else
        rejects 2 "screening in $screen needs oneDNN" "$sae" encode $small --acts acts --out $screen.safetensors \
            --screen $screen
        absent $screen.safetensors
    fi
done
rejects 2 'screen.*fp16' "$sae" eval $small --acts acts --screen fp16
# a reconstruction encodes to codes that decode to nearly itself: FVU of the decoded activations is small
works "$sae" encode $small --acts acts --out all.safetensors --keep-first --json
equals "rows with --keep-first" "$(value tokens)" 5888
rejects 1 'codes\.safetensors.*--force' "$sae" encode $small --acts acts --out codes.safetensors
works "$sae" encode $small --acts acts --out codes.safetensors --force
rejects 1 'decoded.*--force' "$sae" decode $small --codes codes.safetensors --out decoded
rejects 1 '64 latents.*128 latents' "$sae" decode $large --codes codes.safetensors --out new
rejects 1 'wide.*1024' "$sae" encode $small --acts wide --out new
rejects 1 'text\.txt' "$sae" decode $small --codes text.txt --out new
absent new

# ---- latents ---------------------------------------------------------------------------------------------
works "$sae" latents $small --acts acts --model "$model" --count 3 --top 2 --json
has_keys sae tokens excluded latents.2.id latents.0.n_active latents.0.density latents.0.mean latents.0.top.1.activation \
    latents.0.top.0.row latents.0.top.0.document latents.0.top.0.position latents.0.top.0.token_id \
    latents.0.top.0.before latents.0.top.0.token latents.0.top.0.after
equals "latents" "$(value latents)" "[3]"
works "$sae" latents $small --acts acts --model "$model" --latent 7
matches out.txt '^  Latent 7, active on [0-9,]+ tokens'
rejects 2 'latent is 64; it must be from 0 to 63' "$sae" latents $small --acts acts --model "$model" --latent 64
rejects 2 '\-\-model is missing' "$sae" latents $small --acts acts

# ---- inspect ---------------------------------------------------------------------------------------------
works "$sae" inspect "$model" --json
equals kind "$(value kind)" model
equals layers "$(value layers)" 6
equals tokenizer "$(value tokenizer)" true
works "$sae" inspect $small/sae_weights.safetensors --json
equals kind "$(value kind)" safetensors
equals "a tensor's type" "$(value tensors.0.dtype)" f32
works "$sae" inspect $small
matches out.txt '^  W_dec +f32 +\[64, 256\]$'
# a name that is no UTF-8 and needs escaping still gives valid JSON
odd=$'odd \xff "name"\n\\.safetensors'
cp $small/sae_weights.safetensors "$odd"
works "$sae" inspect "$odd" --json
equals "an odd name" "$(value path)" $'odd \xef\xbf\xbd "name"\n\\.safetensors'
rejects 1 'cannot open nosuch' "$sae" inspect nosuch
rejects 1 'holds none of acts.json' "$sae" inspect .
rejects 1 'text\.txt' "$sae" inspect text.txt
: >empty.safetensors
rejects 1 'empty\.safetensors' "$sae" inspect empty.safetensors
finish
